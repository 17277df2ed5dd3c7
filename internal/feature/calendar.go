package feature

import (
	"math"
	"time"
)

const (
	secondsOfHour = 3600
	secondsOfDay  = 24 * secondsOfHour
)

// local is the whole second of a time as clocks in the zone show it, counted as if that were UTC.
func local(seconds float64, zone *time.Location) int64 {
	s := int64(math.Floor(seconds))
	if zone == nil {
		return s
	}
	_, offset := time.Unix(s, 0).In(zone).Zone()
	return s + int64(offset)
}

func hourOf(seconds float64, zone *time.Location) int {
	return int(floorMod(local(seconds, zone), secondsOfDay) / secondsOfHour)
}

// isWeekend says whether the day is Saturday or Sunday. Day 0, 1 January 1970, was a Thursday.
func isWeekend(seconds float64, zone *time.Location) bool {
	s := local(seconds, zone)
	week := floorMod(s+4*secondsOfDay, 7*secondsOfDay) // since its Sunday
	return week < secondsOfDay || week >= 6*secondsOfDay
}

// isNight says whether an hour lies from first to last, both included, around midnight where first is the later one.
func isNight(hour, first, last int) bool {
	if first <= last {
		return hour >= first && hour <= last
	}
	return hour >= first || hour <= last
}

func floorMod(a, b int64) int64 {
	if m := a % b; m >= 0 {
		return m
	}
	return a%b + b
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
