//go:build linux

package crossing

// #cgo LDFLAGS: -Wl,--wrap=rd_kafka_msgq_allow_wakeup_at
import "C"
