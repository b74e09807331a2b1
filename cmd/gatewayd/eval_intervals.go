package main

import (
	"math/rand/v2"
	"slices"
)

// resamples is how often the bootstrap draws the questions anew.
const resamples = 1000

// resample draws n of n questions with replacement, many times.
func resample(seed uint64, n int) [][]int {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([][]int, resamples)
	for i := range out {
		out[i] = make([]int, n)
		for j := range out[i] {
			out[i][j] = rng.IntN(n)
		}
	}
	return out
}

// interval holds 95 % of what a statistic comes to.
func interval(draw [][]int, of func([]int) float64) [2]float64 {
	v := make([]float64, len(draw))
	for i, d := range draw {
		v[i] = of(d)
	}
	slices.Sort(v)
	return [2]float64{v[len(v)/40], v[len(v)-1-len(v)/40]}
}

func meanOf(v []float64, of []int) float64 {
	sum := 0.0
	for _, i := range of {
		sum += v[i]
	}
	return sum / float64(len(of))
}

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(max(len(v), 1))
}

// gap is the share of the gap between small and large model that is closed.
func gap(accuracy, local, large float64) float64 {
	if large == local {
		return 0
	}
	return (accuracy - local) / (large - local)
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
