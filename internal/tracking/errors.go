package tracking

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"
)

var (
	// ErrNotFound is returned when the experiment, run, model, version, alias or artifact does not exist.
	ErrNotFound = errors.New("not found")
	// ErrExists is returned when the server refuses to create what exists already. The Ensure verbs handle it.
	ErrExists = errors.New("already exists")
	// ErrDeleted is returned when the experiment exists in the deleted state, where it keeps its name but takes no runs.
	ErrDeleted = errors.New("deleted")
	// ErrInvalid is returned when an argument is malformed, or the server says so (a parameter logged again with another value, for one).
	ErrInvalid = errors.New("invalid argument")
	// ErrDenied is returned when the server refuses the credentials or the action.
	ErrDenied = errors.New("access denied")
	// ErrHostRefused is returned when the server is not configured to answer under the host name that was used.
	ErrHostRefused = errors.New("host name refused")
	// ErrDigest is returned when a file is not the one that was registered: another size, another SHA-256, or none on record.
	ErrDigest = errors.New("file differs from what was registered")
	// ErrUnavailable is returned when the server could not be reached, was too slow or failed on its side, after the retries
	// were used up.
	ErrUnavailable = errors.New("mlflow unavailable")
)

// IsRetryable tells errors that may go away by themselves from final ones.
func IsRetryable(err error) bool { return errors.Is(err, ErrUnavailable) }

// Error is an answer that was not the wanted one, or the absence of an answer.
type Error struct {
	Op      string // method and path of the call
	Status  int    // HTTP status, 0 if no answer came
	Code    string // MLflow's error_code, empty if the answer did not come from MLflow's handlers
	Message string
	Kind    error // one of the sentinels, or nil
	Cause   error // what the network reported, if Status is 0
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("mlflow " + e.Op + ": ")
	if e.Kind != nil {
		b.WriteString(e.Kind.Error() + ": ")
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, "status %d ", e.Status)
	}
	if e.Code != "" {
		b.WriteString(e.Code + " ")
	}
	b.WriteString(e.Message)
	return strings.TrimRight(b.String(), ": ")
}

// Unwrap lets errors.Is find the sentinel and the network's cause.
func (e *Error) Unwrap() []error {
	chain := make([]error, 0, 2)
	if e.Kind != nil {
		chain = append(chain, e.Kind)
	}
	if e.Cause != nil {
		chain = append(chain, e.Cause)
	}
	return chain
}

const maxMessage = 600

// refused reads an unwanted answer. MLflow's handlers answer in JSON; its front door, proxies and the login answer in text.
func refused(op, host string, status int, location string, body []byte) *Error {
	e := &Error{Op: op, Status: status}
	var answer struct {
		Code    string `json:"error_code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) == nil {
		e.Code, e.Message = answer.Code, answer.Message
	} else {
		e.Message = strings.Join(strings.Fields(string(body)), " ")
	}
	if len(e.Message) > maxMessage {
		cut := maxMessage
		for cut > 0 && !utf8.RuneStart(e.Message[cut]) {
			cut--
		}
		e.Message = e.Message[:cut] + " ..."
	}
	e.Kind = kindOf(e.Code, status)
	switch {
	case status == http.StatusForbidden && e.Code == "" && strings.Contains(e.Message, "Host header"):
		e.Kind = ErrHostRefused
		e.Message = fmt.Sprintf("the server does not answer as %s: add it to its --allowed-hosts", host)
	case status >= 300 && status < 400:
		e.Kind = ErrInvalid
		e.Message = "the server redirects to " + location + ": configure that address"
	case status == http.StatusNotFound && e.Code == "":
		e.Message = "no MLflow interface at this address: " + e.Message
	}
	return e
}

// kindOf trusts MLflow's code before the status: the same status stands for several codes.
func kindOf(code string, status int) error {
	switch code {
	case "RESOURCE_DOES_NOT_EXIST", "NOT_FOUND":
		return ErrNotFound
	case "RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS":
		return ErrExists
	case "PERMISSION_DENIED", "UNAUTHENTICATED":
		return ErrDenied
	case "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED":
		return ErrUnavailable
	case "INVALID_PARAMETER_VALUE", "INVALID_STATE":
		return ErrInvalid
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ErrDenied
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests,
		status >= 500 && status != http.StatusNotImplemented:
		return ErrUnavailable
	case status >= 400:
		return ErrInvalid // also a 404 without a code: the address is wrong, and nothing that was asked for is missing
	}
	return nil
}
