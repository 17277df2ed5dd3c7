//go:build !amd64

package model

func bestKernel() kernel { return portableKernel }
