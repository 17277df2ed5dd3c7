package tracking

// Digest is the SHA-256 in hex that a file of the model had when the version was
// registered; empty for a file that was not among them.
func (v Version) Digest(file string) string { return v.Tags[digestPrefix+file] }
