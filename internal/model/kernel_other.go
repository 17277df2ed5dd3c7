//go:build !amd64 || purego

package model

func bestKernel() *kernel { return portableKernel() }

func kernels() []*kernel { return []*kernel{portableKernel()} }
