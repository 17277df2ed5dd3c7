package config

import "log/slog"

// Secret is a credential. It prints as a mark that tells set from unset and
// nothing else, in every format and in logs; Reveal is the only way to its text.
type Secret string

func (s Secret) Reveal() string       { return string(s) }
func (s Secret) GoString() string     { return s.String() }
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
func (s Secret) MarshalText() ([]byte, error) {
	return []byte(s.String()), nil
}

func (s Secret) String() string {
	if s == "" {
		return "(not set)"
	}
	return "(set)"
}
