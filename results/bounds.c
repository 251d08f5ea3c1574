#include "results/bounds.h"
#include <math.h>

#define Z 1.959963984540054 /* of the normal distribution, 97.5 % */

double
ts_bounds_median (guint n, guint *k)
{
  /* P (fewer than k of n samples lie below the median), summed from the tail; in logarithms, since
   * 2^-n leaves a double's range at 1075 */
  double tail = 0, before = 0;
  *k = 0;
  for (guint i = 0; i < n / 2 + 1; i++) {
    double term = exp (lgamma (n + 1.0) - lgamma (i + 1.0) - lgamma (n - i + 1.0) - n * log (2.0));
    if (1 - 2 * (tail + term) < TS_BOUNDS_SURE && *k > 0)
      break;
    before = tail + term;
    tail = before;
    *k = i + 1;
    if (1 - 2 * tail < TS_BOUNDS_SURE)
      break; /* not even the whole range is sure enough */
  }
  return fmax (0, 1 - 2 * before);
}

void
ts_bounds_share (guint hits, guint n, double *low, double *high)
{
  if (n == 0) {
    *low = 0;
    *high = 1;
    return;
  }
  double share = (double)hits / n, scale = 1 + Z * Z / n;
  double middle = (share + Z * Z / (2.0 * n)) / scale;
  double half = Z / scale * sqrt (share * (1 - share) / n + Z * Z / (4.0 * n * n));
  *low = hits == 0 ? 0 : fmax (0, middle - half);
  *high = hits == n ? 1 : fmin (1, middle + half);
}

double
ts_bounds_distribution (guint n)
{
  return n == 0 ? 1 : fmin (1, sqrt (log (2 / (1 - TS_BOUNDS_SURE)) / (2.0 * n)));
}
