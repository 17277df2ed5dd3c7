package ports_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"temporal-streaming/devstack/internal/ports"
)

func TestTakenPortNamesItsHolder(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	err = ports.Check("127.0.0.1", port)
	var taken *ports.Taken
	if !errors.As(err, &taken) || taken.Port != port {
		t.Fatalf("got %v, want port %d taken", err, port)
	}
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("this system does not tell who holds a port")
	}
	if want := fmt.Sprintf("(process %d)", os.Getpid()); !strings.Contains(taken.Error(), want) {
		t.Errorf("%q does not contain %q", taken, want)
	}
}

func TestFreePortCanBeListenedOnAndIsNotOneOfTheKernelsChoice(t *testing.T) {
	port, err := ports.Free("127.0.0.1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := ports.Check("127.0.0.1", port); err != nil {
		t.Error(err)
	}
	dialed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer dialed.Close()
	if kernel := dialed.Addr().(*net.TCPAddr).Port; port >= kernel {
		t.Errorf("port %d is not below the kernel's own choice, such as %d", port, kernel)
	}
}

func TestFreePortLeavesOutThoseAlreadyChosen(t *testing.T) {
	chosen := map[int]bool{}
	for range 50 {
		port, err := ports.Free("127.0.0.1", chosen)
		if err != nil {
			t.Fatal(err)
		}
		if chosen[port] {
			t.Fatalf("port %d was chosen twice", port)
		}
		chosen[port] = true
	}
}
