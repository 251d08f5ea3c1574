/* results/bounds.h -- how sure a few samples make us: 95 % bounds without assumptions on how the
 * values are spread.  Each is a textbook formula; no chance, no bootstrap: same samples, same
 * bounds. */
#pragma once
#include <glib.h>

#define TS_BOUNDS_SURE 0.95

/* Of n sorted samples the k-th lowest and the k-th highest (k from 1) enclose the median of what
 * they were drawn from, with the probability returned (order statistics: the number of samples
 * below the median is binomial with 1/2).  k is the largest with at least TS_BOUNDS_SURE; below 6
 * samples there is none, and k is 1 with what that gives (5: 93.75 %, 1: 0).  n: 1 or more. */
double ts_bounds_median (guint n, guint *k);

/* Wilson's score interval for a share of which `hits` of n samples were seen.  n 0: from 0 to 1. */
void ts_bounds_share (guint hits, guint n, double *low, double *high);

/* The true distribution function is everywhere within this of the one of n samples (Dvoretzky,
 * Kiefer, Wolfowitz 1956, with Massart's constant).  n 0: 1. */
double ts_bounds_distribution (guint n);
