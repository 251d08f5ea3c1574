/* lab/bench/measure.c -- see measure.h. */
#include "lab/bench/measure.h"
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define WIRE_TEXT "/proc/net/dev"

static gint64
time_us (const struct timeval *time)
{
  return (gint64)time->tv_sec * 1000000 + time->tv_usec;
}

/* Its own time by its clock, which is exact also when the kernel counts in ticks; that of the
 * children it has waited for in ticks, there is nothing better. */
static gint64
process_us (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int)pid);
  g_autofree char *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return 0;
  const char *at = strrchr (text, ')'); /* the name may hold anything */
  unsigned long own[2] = {0}, waited[2] = {0};
  if (!at || sscanf (at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu",
                     &own[0], &own[1], &waited[0], &waited[1]) != 4)
    return 0;
  gint64 tick_us = 1000000 / sysconf (_SC_CLK_TCK);
  gint64 sum_us = (gint64)(waited[0] + waited[1]) * tick_us;
  clockid_t clock;
  struct timespec now;
  if (clock_getcpuclockid (pid, &clock) == 0 && clock_gettime (clock, &now) == 0)
    return sum_us + (gint64)now.tv_sec * 1000000 + now.tv_nsec / 1000;
  return sum_us + (gint64)(own[0] + own[1]) * tick_us;
}

static gint64
room_cpu_us (void)
{
  struct rusage reaped;
  getrusage (RUSAGE_CHILDREN, &reaped);
  gint64 sum_us = time_us (&reaped.ru_utime) + time_us (&reaped.ru_stime);
  DIR *processes = opendir ("/proc");
  for (struct dirent *entry; processes && (entry = readdir (processes));) {
    pid_t pid = (pid_t)g_ascii_strtoll (entry->d_name, NULL, 10);
    if (pid > 0 && pid != getpid ())
      sum_us += process_us (pid);
  }
  if (processes)
    closedir (processes);
  return sum_us;
}

/* From the process's own network namespace, whatever is mounted at /sys. */
static guint64
wire_bytes (void)
{
  g_autofree char *text = NULL;
  if (!g_file_get_contents (WIRE_TEXT, &text, NULL, NULL))
    return 0;
  const char *at = strstr (text, "lo:");
  guint64 received = 0;
  return at && sscanf (at + 3, " %" G_GUINT64_FORMAT, &received) == 1 ? received : 0;
}

static TsBenchCost
spent (void)
{
  return (TsBenchCost){g_get_monotonic_time (), room_cpu_us (), wire_bytes ()};
}

static guint64 warm_bytes;

void
ts_bench_warm_up (guint64 bytes)
{
  warm_bytes = bytes;
}

static guint64
available_bytes (void)
{
  g_autofree char *text = NULL;
  guint64 kib = 0;
  if (!g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    return 0;
  const char *at = strstr (text, "MemAvailable:");
  return at && sscanf (at, "MemAvailable: %" G_GUINT64_FORMAT, &kib) == 1 ? kib * 1024 : 0;
}

/* The kernel clears a page when it is touched first, and gives out first what was freed last. */
TsBenchCost
ts_bench_start_clock (void)
{
  gsize len = (gsize)MIN (warm_bytes, available_bytes () / 2), page = (gsize)sysconf (_SC_PAGESIZE);
  guint8 *memory = len == 0 ? MAP_FAILED
                            : mmap (NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) {
    for (gsize i = 0; i < len; i += page)
      *(volatile guint8 *)(memory + i) = 1;
    munmap (memory, len);
  }
  return spent ();
}

TsBenchCost
ts_bench_since (const TsBenchCost *from)
{
  gint64 now_us = g_get_monotonic_time (); /* first: to look at the rest takes a moment */
  TsBenchCost now = spent ();
  return (TsBenchCost){now_us - from->wall_us, now.cpu_us - from->cpu_us,
                       now.wire_bytes - from->wire_bytes};
}
