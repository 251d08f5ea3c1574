/* core/banned.h -- what core/ and sim/ cannot say: clocks, chance, files, sockets, threads, the
 * order of hash tables.
 *
 * Compiled in front of every file of both rooms (-include).  The usual headers come first, so that
 * their own declarations pass; after the pragma the names do not compile any more (git banned.h).
 * tests/banned/ proves that it bites. */
#pragma once
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

/* Some are macros of GLib's, which cannot be poisoned. */
#undef g_random_boolean
#undef g_open
#undef g_fopen
#undef g_mkdir
#undef g_remove
#undef g_rename

/* These names are too good to be lost for fields and parameters: only the function itself fails. */
#define TS_BANNED(why) __attribute__ ((__unavailable__ (why)))
extern time_t time (time_t *) TS_BANNED ("poisoned: no clock in core/ and sim/");
extern clock_t clock (void) TS_BANNED ("poisoned: no clock in core/ and sim/");
extern long random (void) TS_BANNED ("poisoned: no chance in core/ and sim/");
extern ssize_t read (int, void *, size_t) TS_BANNED ("poisoned: no files in core/ and sim/");
extern ssize_t write (int, const void *, size_t) TS_BANNED ("poisoned: no files in core/ and sim/");
extern int close (int) TS_BANNED ("poisoned: no files in core/ and sim/");
#undef TS_BANNED

/* clocks */
#pragma GCC poison g_get_monotonic_time g_get_real_time g_date_time_new_now g_date_time_new_now_utc
#pragma GCC poison g_date_time_new_now_local clock_gettime gettimeofday timespec_get localtime
#pragma GCC poison g_usleep usleep sleep nanosleep g_timeout_add g_timeout_add_seconds g_idle_add
#pragma GCC poison g_timer_new
/* chance */
#pragma GCC poison g_random_int g_random_int_range g_random_double g_random_boolean g_rand_new
#pragma GCC poison g_uuid_string_random rand srand srandom drand48 getrandom
/* files, processes, environment */
#pragma GCC poison fopen fdopen freopen fread fwrite g_open g_fopen openat creat pread pwrite
#pragma GCC poison g_file_get_contents g_file_set_contents g_mapped_file_new mkstemp tmpfile
#pragma GCC poison g_mkdir g_unlink g_remove g_rename unlink rename mkdir fsync
#pragma GCC poison g_spawn_sync g_spawn_async g_spawn_command_line_sync system popen fork execvp
#pragma GCC poison getenv g_getenv printf puts g_print g_printerr
/* sockets, threads */
#pragma GCC poison socket listen accept sendto recvfrom sendmsg recvmsg
#pragma GCC poison g_thread_new g_thread_pool_new pthread_create
/* an order taken from a hash table is chance */
#pragma GCC poison g_hash_table_iter_init g_hash_table_iter_next g_hash_table_foreach
#pragma GCC poison g_hash_table_get_keys g_hash_table_get_values g_hash_table_get_keys_as_array
/* unstable sorts differ between C libraries */
#pragma GCC poison qsort
