/* scenarios/cli/bench-simulator.h -- how fast is the simulator, and how much room does a machine take?
 *
 * Rows of a table, a CSV, and pictures of how each grows with the number of machines.  Needs no lab
 * and no root. */
#pragma once
#include <glib.h>
#include <stdio.h>

#define TS_BENCH_MACHINES "1,10,100,1000" /* unless somebody says otherwise; 10000 takes minutes */

/* machines: numbers, "1,10,100".  Prints each row to stdout as it comes, writes all of them to
 * FOLDER/bench-simulator.csv and .tsv, .gp and .svg, and to text.
 * TS_ERROR_ARGUMENT: machines says no such thing; INTERNAL: a checker has found a breach. */
gboolean ts_bench_simulator (const char *folder, const char *machines, FILE *text, GError **error);
