package dataset

import (
	"slices"
	"strconv"
	"strings"
)

// ColumnOf returns the column for a type as pipeline files write it: float, int, time, bool, text, or decimal(2). One of a type that
// there is not is refused by whoever is given it.
func ColumnOf(name, typ string) Column {
	base, places, _ := strings.Cut(typ, "(")
	kinds := []Kind{Float, Int, Time, Bool, Decimal, Text}
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.String() == base })
	if i < 0 {
		return Column{Name: name, Kind: Text + 1}
	}
	c := Column{Name: name, Kind: kinds[i]}
	if c.Kind == Decimal {
		var err error
		if c.Places, err = strconv.Atoi(strings.TrimSuffix(places, ")")); err != nil {
			c.Places = -1
		}
	}
	return c
}
