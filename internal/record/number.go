package record

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unsafe"
)

// number reads the JSON number that starts at b[i] and returns its float64 and the index after it. ok is false where no
// number of JSON's grammar stands there. A number beyond float64 yields an infinity.
//
// The result is the float64 nearest to the decimal, ties to even, as strconv.ParseFloat gives it:
//   - up to 2^53 and 22 decimals: one exact conversion and one division, rounded once (Clinger's fast path);
//   - up to 19 digits and 27 decimals: an integer division with remainder (see quotient);
//   - all else: strconv itself.
func number(b []byte, i int) (v float64, end int, ok bool) {
	start := i
	negative := false
	if i < len(b) && b[i] == '-' {
		negative = true
		i++
	}
	if i >= len(b) {
		return 0, i, false
	}
	first := i
	mantissa := uint64(b[i] - '0')
	if mantissa > 9 {
		return 0, i, false
	}
	i++
	if mantissa != 0 {
		for i < len(b) && b[i]-'0' <= 9 {
			mantissa = mantissa*10 + uint64(b[i]-'0')
			i++
		}
	} // after a leading 0 no digit may follow: the caller finds it and refuses it
	digits := i - first
	exponent := 0
	if i < len(b) && b[i] == '.' {
		i++
		point := i
		for i+8 <= len(b) {
			eight := binary.LittleEndian.Uint64(b[i:])
			if !allDigits(eight) {
				break
			}
			mantissa = mantissa*100_000_000 + eightDigits(eight)
			i += 8
		}
		for i < len(b) && b[i]-'0' <= 9 {
			mantissa = mantissa*10 + uint64(b[i]-'0')
			i++
		}
		if i == point {
			return 0, i, false
		}
		exponent = point - i
		digits += i - point
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		power, after, ok := exponentPart(b, i+1)
		if !ok {
			return 0, after, false
		}
		i = after
		if power >= maxPower || power <= -maxPower {
			return slowNumber(b[start:i]), i, true
		}
		exponent += power
	}
	if digits > 19 && significant(b[first:i]) > 19 {
		return slowNumber(b[start:i]), i, true // the mantissa overflowed
	}
	switch {
	case mantissa == 0:
		v = 0
	case mantissa <= 1<<53 && exponent <= 0 && exponent >= -22:
		v = float64(mantissa) / powersOfTen[-exponent]
	case mantissa <= 1<<53 && exponent > 0 && exponent <= 22:
		v = float64(mantissa) * powersOfTen[exponent]
	case exponent <= 0 && exponent >= -27:
		v = quotient(mantissa, -exponent)
	default:
		return slowNumber(b[start:i]), i, true
	}
	if negative {
		v = -v
	}
	return v, i, true
}

// maxPower is where exponentPart stops counting; such numbers are strconv's.
const maxPower = 1000

// exponentPart reads what follows an e. The power is cut at about maxPower so that it does not overflow.
func exponentPart(b []byte, i int) (power, end int, ok bool) {
	negative := false
	if i < len(b) && (b[i] == '+' || b[i] == '-') {
		negative = b[i] == '-'
		i++
	}
	from := i
	for i < len(b) && b[i]-'0' <= 9 {
		if power < maxPower {
			power = power*10 + int(b[i]-'0')
		}
		i++
	}
	if negative {
		power = -power
	}
	return power, i, i > from
}

// quotient is the float64 nearest to m / 10^k, for 0 <= k <= 27. Both sides are scaled by powers of two until a 128-bit by
// 64-bit division gives at least 63 exact bits of the quotient; the remainder says whether anything is left below them,
// which decides the rounding. No subnormal or infinite result is possible in this range.
func quotient(m uint64, k int) float64 {
	d := &decimals[k]
	shift := bits.LeadingZeros64(m | 1)
	m <<= shift

	// m and divisor lie in [2^63, 2^64), so m/2 < divisor and the quotient of m*2^63 lies in (2^62, 2^64).
	q, rest := bits.Div64(m>>1, m<<63, d.divisor)
	sticky := q & 1
	if rest != 0 {
		sticky = 1 // stands below the rounding bit, as q/2 has at least 62 bits and 53 are kept
	}
	// int64 -> float64 rounds to nearest even, and scaling by a power of two is exact here. Of a uint64 it would be slower:
	// processors do not know it, and which half of them it is in cannot be guessed.
	return float64(int64(q>>1|sticky)) * math.Float64frombits(d.scale-uint64(shift)<<52)
}

// significant counts the digits of a number's mantissa without its leading zeros.
func significant(b []byte) int {
	n := 0
	for _, c := range b {
		switch {
		case c|0x20 == 'e':
			return n
		case c == '.', c == '0' && n == 0:
		default:
			n++
		}
	}
	return n
}

// slowNumber leaves a number whose grammar was checked to strconv. The string shares b's memory, which strconv does not
// keep; it allocates only for its error, which is that of a number out of range, and then the value is an infinity.
func slowNumber(b []byte) float64 {
	v, _ := strconv.ParseFloat(unsafe.String(unsafe.SliceData(b), len(b)), 64)
	return v
}

// allDigits reports whether all eight bytes of v are ASCII digits: each has 3 as its upper half, also after adding 6.
func allDigits(v uint64) bool {
	const upper = 0xF0F0F0F0F0F0F0F0
	return v&upper|(v+0x0606060606060606)&upper>>4 == 0x3333333333333333
}

// eightDigits is the number that eight ASCII digits spell, the first in the lowest byte: neighbours are joined to pairs,
// pairs to fours, fours to the whole, three multiplications in all.
func eightDigits(v uint64) uint64 {
	const mask = 0x000000FF000000FF
	v -= 0x3030303030303030
	v = v*10 + v>>8
	return ((v&mask)*(100+1_000_000<<32) + (v>>16&mask)*(1+10_000<<32)) >> 32
}

// powersOfTen holds the powers of ten that float64 holds exactly.
var powersOfTen = [23]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// decimal is what a division by a power of ten needs.
type decimal struct {
	divisor uint64 // its power of five, shifted left until the highest bit is set
	scale   uint64 // the bits of the float64 by which half a quotient is multiplied, where the mantissa was not shifted
}

// decimals are the powers of ten of whose powers of five a uint64 holds.
var decimals = func() (all [28]decimal) {
	five := uint64(1)
	for k := range all {
		shift := bits.LeadingZeros64(five)
		all[k] = decimal{divisor: five << shift, scale: uint64(-62+shift-k+1023) << 52}
		five *= 5
	}
	return all
}()
