package evaluate

import (
	"cmp"
	"fmt"
	"slices"
)

// CardPrecision is the share of truly compromised cards among the top cards of a day, as people who can look into so many a day see
// it: a card's score is the highest of its rows of that day, and it is compromised where one of those rows is positive. A card that
// was found is not looked into again on later days. (Le Borgne et al., "Reproducible Machine Learning for Credit Card Fraud
// Detection", chapter 4, "Card Precision top-k".) Weights play no part; of equal scores the lower card comes first.
//
// It returns one share for each day that has rows, in order of the days. Fewer cards than top are still divided by top, so that
// what nobody could have found counts as not found.
func CardPrecision(s Scores, cards, days []int64, top int) ([]float64, error) {
	if len(s.Probability) != len(s.Label) || len(cards) != s.Len() || len(days) != s.Len() || s.Len() == 0 || top < 1 {
		return nil, fmt.Errorf("card precision: %d probabilities, %d labels, %d cards and %d days, top %d: %w",
			len(s.Probability), len(s.Label), len(cards), len(days), top, ErrNoRows)
	}
	byDay := make(map[int64]map[int64]suspect)
	for i, p := range s.Probability {
		day := byDay[days[i]]
		if day == nil {
			day = make(map[int64]suspect)
			byDay[days[i]] = day
		}
		c, seen := day[cards[i]]
		if !seen || p > c.probability {
			c.probability = p
		}
		c.card, c.compromised = cards[i], c.compromised || s.Label[i]
		day[cards[i]] = c
	}
	var order []int64
	for day := range byDay {
		order = append(order, day)
	}
	slices.Sort(order)
	var precision []float64
	found := make(map[int64]bool)
	for _, day := range order {
		var suspects []suspect
		for card, c := range byDay[day] {
			if !found[card] {
				suspects = append(suspects, c)
			}
		}
		slices.SortFunc(suspects, func(a, b suspect) int {
			return cmp.Or(cmp.Compare(b.probability, a.probability), cmp.Compare(a.card, b.card))
		})
		hits := 0
		for _, c := range suspects[:min(top, len(suspects))] {
			if c.compromised {
				found[c.card] = true
				hits++
			}
		}
		precision = append(precision, float64(hits)/float64(top))
	}
	return precision, nil
}

// suspect is a card on one day.
type suspect struct {
	card        int64
	probability float64
	compromised bool
}
