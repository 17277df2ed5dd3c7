package record

// The functions of this file walk over JSON by index. Each returns the index after what it read, or -1 where the bytes
// are not JSON; then the caller refuses the message.

// maxDepth bounds the nesting of ignored values: one bit of a word each.
const maxDepth = 64

const tooDeep = -2 // skipValue: nested beyond maxDepth

// space skips JSON's white space.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// text skips the string whose opening quote is at i. escaped says that it holds a backslash.
func text(b []byte, i int) (end int, escaped bool) {
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, escaped
		case c == '\\':
			escaped = true
			i++
			if i >= len(b) {
				return -1, true
			}
			switch b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if i+4 >= len(b) || !isHex(b[i+1]) || !isHex(b[i+2]) || !isHex(b[i+3]) || !isHex(b[i+4]) {
					return -1, true
				}
				i += 4
			default:
				return -1, true
			}
		case c < 0x20:
			return -1, escaped
		}
	}
	return -1, escaped
}

func isHex(c byte) bool { return c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'f' }

// skipScalar skips a string, number, true, false or null.
func skipScalar(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		end, _ := text(b, i)
		return end
	case 't':
		return literal(b, i, "true")
	case 'f':
		return literal(b, i, "false")
	case 'n':
		return literal(b, i, "null")
	default:
		return skipNumber(b, i)
	}
}

func literal(b []byte, i int, word string) int {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

// skipNumber checks a number's grammar without computing it.
func skipNumber(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i >= len(b) || b[i]-'0' > 9 {
		return -1
	}
	if b[i] == '0' {
		i++
	} else {
		i = skipDigits(b, i)
	}
	if i < len(b) && b[i] == '.' {
		from := i + 1
		if i = skipDigits(b, from); i == from {
			return -1
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		_, end, ok := exponentPart(b, i+1)
		if !ok {
			return -1
		}
		i = end
	}
	return i
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// skipValue skips any value, checking its grammar. It keeps the open brackets in the bits of a word instead of the
// stack (1 = object), so hostile nesting costs nothing; beyond maxDepth it returns tooDeep.
func skipValue(b []byte, i int) int {
	var open uint64
	depth := 0
	for {
		// Here a value is due.
		i = space(b, i)
		if i >= len(b) {
			return -1
		}
		switch c := b[i]; c {
		case '{', '[':
			if depth == maxDepth {
				return tooDeep
			}
			depth++
			open <<= 1
			i = space(b, i+1)
			if c == '{' {
				open |= 1
			}
			if i < len(b) && b[i] == c+2 { // '{'+2 is '}', '['+2 is ']'
				break // nothing inside: close it below
			}
			if c == '{' {
				if i = member(b, i); i < 0 {
					return -1
				}
			}
			continue
		default:
			if i = skipScalar(b, i); i < 0 {
				return -1
			}
		}
		// Here a value has ended, or an empty bracket is about to close.
		for {
			if depth == 0 {
				return i
			}
			i = space(b, i)
			if i >= len(b) {
				return -1
			}
			object := open&1 == 1
			if b[i] == ',' {
				i++
				if object {
					if i = member(b, space(b, i)); i < 0 {
						return -1
					}
				}
				break
			}
			if object && b[i] != '}' || !object && b[i] != ']' {
				return -1
			}
			open >>= 1
			depth--
			i++
		}
	}
}

// member skips an object member's name and colon.
func member(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	end, _ := text(b, i)
	if end < 0 {
		return -1
	}
	if end = space(b, end); end >= len(b) || b[end] != ':' {
		return -1
	}
	return end + 1
}
