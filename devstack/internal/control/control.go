// Package control lets one devstack command speak to the devstack that runs on a data folder.
//
// The running one holds a lock on <data>/lock for as long as it lives, and listens on the socket <data>/control: one JSON
// request a connection, one JSON answer. Who can open the data folder can control the devstack, nobody else.
//
// Both sides work inside the data folder and use relative names, because a socket's path may have 108 bytes at most.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"temporal-streaming/devstack/internal/supervise"
)

const (
	lockName   = "lock"
	socketName = "control"
)

// Request asks for one thing. Verb is status, down, start, stop or kill; the last three are about Service.
type Request struct {
	Verb    string `json:"verb"`
	Service string `json:"service,omitempty"`
	Now     bool   `json:"now,omitempty"` // stop by SIGKILL
}

// Answer is how the devstack is after the request was carried out.
type Answer struct {
	PID      int                `json:"pid"`
	Ready    bool               `json:"ready"` // every service has been ready at least once
	Kafka    string             `json:"kafka"` // embedded or apache
	EnvFile  string             `json:"env_file"`
	Python   string             `json:"python,omitempty"`
	Services []supervise.Status `json:"services"`
	Error    string             `json:"error,omitempty"`
}

var (
	// ErrRunning is returned when a devstack runs on the data folder already.
	ErrRunning = errors.New("a devstack runs on this data folder already")
	// ErrNotRunning is returned when none does.
	ErrNotRunning = errors.New("no devstack runs on this data folder")
)

// Claim makes this process the one devstack of the data folder, which is the working directory, until it ends.
// The file must be kept referenced: closing it gives the folder up.
func Claim() (*os.File, error) {
	file, err := os.OpenFile(lockName, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	// Running holds the lock for a moment when nobody else does; that must not look like a devstack.
	for range 10 {
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		time.Sleep(10 * time.Millisecond)
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrRunning
		}
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	return file, nil
}

// Running tells whether a devstack holds the data folder, which is the working directory.
func Running() (bool, error) {
	if _, err := os.Stat(lockName); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	file, err := Claim()
	if errors.Is(err, ErrRunning) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, file.Close()
}

// Serve answers requests until ctx ends. The caller has claimed the folder, so a socket that is there is a dead one's.
func Serve(ctx context.Context, handle func(context.Context, Request) Answer) error {
	if err := os.Remove(socketName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("serve control: %w", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socketName})
	if err != nil {
		return fmt.Errorf("serve control: %w", err)
	}
	// The name is relative: at the end of ctx it may be another's, whose working directory that is by then. One that is left is in nobody's way.
	listener.SetUnlinkOnClose(false)
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	go func() {
		defer stop()
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go answer(ctx, conn, handle)
		}
	}()
	return nil
}

func answer(ctx context.Context, conn net.Conn, handle func(context.Context, Request) Answer) {
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var request Request
	result := Answer{}
	if err := json.NewDecoder(conn).Decode(&request); err != nil {
		result.Error = fmt.Sprintf("read request: %v", err)
	} else {
		result = handle(ctx, request)
	}
	_ = json.NewEncoder(conn).Encode(result) // the asker may have gone; then nobody wants the answer
}

// Ask sends a request to the devstack of the data folder, which is the working directory.
func Ask(ctx context.Context, request Request) (Answer, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", socketName)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return Answer{}, ErrNotRunning
	}
	if err != nil {
		return Answer{}, fmt.Errorf("reach the running devstack: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := json.NewEncoder(conn).Encode(request); err != nil {
		return Answer{}, fmt.Errorf("ask the running devstack: %w", err)
	}
	var result Answer
	if err := json.NewDecoder(conn).Decode(&result); err != nil {
		return Answer{}, fmt.Errorf("read the running devstack's answer: %w", err)
	}
	if result.Error != "" {
		return result, errors.New(result.Error)
	}
	return result, nil
}
