/* tests/test-watch.c -- somebody else writes to a replica's disks: before, while and after we do, with
 * the file open all the time, mapped, killed; with the time put back; and our own writes are no
 * news.  lab/host/watch.c alone, on plain files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lab/host/host-internal.h"
#include "lab/machine/disk.h"

#define ALL 3u

typedef struct {
  char *folder;
  TsLabHostConfig *config;
  TsLabVmConfig vm_config;
  TsLabHost host;
  TsLabVm vm;
  TsLabRelation relation;
} Stage;

static int
setup (void **state)
{
  Stage *s = g_new0 (Stage, 1);
  s->folder = g_dir_make_tmp ("twinsite-watch-XXXXXX", NULL);
  g_autofree char *states = g_build_filename (s->folder, "hv", "state", NULL);
  g_autofree char *disks = g_build_filename (s->folder, "hv", "disks", NULL);
  assert_int_equal (g_mkdir_with_parents (states, 0755) | g_mkdir_with_parents (disks, 0755), 0);
  s->config = ts_lab_host_config_new ();
  s->config->name = g_strdup ("hv");
  s->host = (TsLabHost){.config = s->config, .layout = {s->folder, s->folder}};
  s->vm_config = (TsLabVmConfig){.name = (char *)"app", .home = (char *)"hv", .disks = 2};
  s->vm_config.disk[0].name = (char *)"system";
  s->vm_config.disk[1].name = (char *)"data";
  s->vm = (TsLabVm){.host = &s->host, .config = &s->vm_config};
  s->relation = (TsLabRelation){.host = &s->host, .vm = &s->vm, .watch_fd = -1};
  for (guint i = 0; i < 2; i++) {
    g_autofree char *path = ts_lab_vm_data_path (&s->vm, i);
    assert_true (ts_lab_disk_create (path, 65536, NULL));
  }
  *state = s;
  return 0;
}

static int
teardown (void **state)
{
  Stage *s = *state;
  ts_lab_watch_let_go (&s->relation);
  ts_lab_remove_tree (s->folder, NULL);
  ts_lab_host_config_free (s->config);
  g_free (s->folder);
  g_free (s);
  return 0;
}

static int
open_disk (Stage *s, guint disk)
{
  g_autofree char *path = ts_lab_vm_data_path (&s->vm, disk);
  int fd = open (path, O_RDWR | O_CLOEXEC);
  assert_true (fd >= 0);
  return fd;
}

static void
edit (Stage *s, guint disk)
{
  int fd = open_disk (s, disk);
  assert_int_equal (pwrite (fd, "x", 1, 4096), 1);
  close (fd);
}

/* Puts the time back to what it was before somebody writes to that disk, so that nothing but the
 * kernel can tell. */
static void
edit_in_secret (Stage *s, guint disk)
{
  struct stat st;
  g_autofree char *path = ts_lab_vm_data_path (&s->vm, disk);
  assert_int_equal (stat (path, &st), 0);
  edit (s, disk);
  struct timespec times[2] = {st.st_atim, st.st_mtim};
  assert_int_equal (utimensat (AT_FDCWD, path, times, 0), 0);
}

/* As an apply does it, in its two halves. */
static gboolean
apply_begins (Stage *s, guint32 held)
{
  for (guint i = 0; i < 2; i++)
    assert_non_null (ts_lab_watch_disk (&s->relation, i, NULL));
  if (!ts_lab_watch_look (&s->relation, held, NULL))
    return FALSE;
  ts_lab_watch_write (&s->relation);
  TsDisk *disk = ts_lab_watch_disk (&s->relation, 0, NULL);
  assert_true (disk->ops->write (disk, 8192, "ours", 4, NULL));
  return TRUE;
}

static void
apply_ends (Stage *s, guint32 held)
{
  TsDisk *disk = ts_lab_watch_disk (&s->relation, 1, NULL);
  assert_true (disk->ops->write (disk, 8192, "ours", 4, NULL) && disk->ops->flush (disk, NULL));
  ts_lab_watch_go_on (&s->relation, held);
}

/* A new process of the host: it knows what is on disk. */
static void
restart (Stage *s)
{
  ts_lab_watch_let_go (&s->relation);
  s->relation = (TsLabRelation){.host = &s->host, .vm = &s->vm, .watch_fd = -1};
  ts_lab_watch_recall (&s->relation);
}

static void
ours_is_no_news (void **state)
{
  Stage *s = *state;
  for (guint i = 0; i < 5; i++) {
    assert_true (apply_begins (s, ALL));
    apply_ends (s, ALL);
  }
  restart (s);
  assert_true (apply_begins (s, ALL));
  apply_ends (s, ALL);
  int fd = open_disk (s, 0); /* whoever reads, reads */
  close (fd);
  g_autofree char *path = ts_lab_vm_data_path (&s->vm, 0);
  restart (s);
  fd = open (path, O_RDONLY);
  close (fd);
  assert_true (apply_begins (s, ALL));
}

static void
between_two_sets (void **state)
{
  Stage *s = *state;
  assert_true (apply_begins (s, ALL));
  apply_ends (s, ALL);
  edit (s, 1);
  assert_false (apply_begins (s, ALL));
  assert_false (apply_begins (s, ALL)); /* again and again */
  restart (s);
  assert_false (apply_begins (s, ALL));
  ts_lab_watch_begin (&s->relation); /* all is compared */
  assert_true (apply_begins (s, ALL));
}

static void
with_the_time_put_back (void **state)
{
  Stage *s = *state;
  assert_true (apply_begins (s, ALL));
  apply_ends (s, ALL);
  edit_in_secret (s, 0);
  assert_false (apply_begins (s, ALL));
}

static void
while_we_write (void **state)
{
  Stage *s = *state;
  assert_true (apply_begins (s, ALL));
  edit (s, 0);
  apply_ends (s, ALL);
  assert_false (ts_lab_watch_look (&s->relation, ALL, NULL));
  restart (s); /* and is not forgotten */
  assert_false (apply_begins (s, ALL));
}

/* Opened before, closed after: only the close tells. */
static void
open_all_the_time (void **state)
{
  Stage *s = *state;
  assert_true (apply_begins (s, ALL));
  apply_ends (s, ALL);
  int fd = open_disk (s, 1);
  assert_true (apply_begins (s, ALL));
  assert_int_equal (pwrite (fd, "x", 1, 4096), 1);
  apply_ends (s, ALL);
  close (fd);
  assert_false (apply_begins (s, ALL));
}

/* Somebody who maps it, and is killed. */
static void
mapped_and_killed (void **state)
{
  Stage *s = *state;
  int ready[2];
  char byte;
  assert_true (apply_begins (s, ALL));
  assert_int_equal (pipe (ready), 0);
  pid_t pid = fork ();
  if (pid == 0) {
    int fd = open_disk (s, 0);
    char *map = mmap (NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    map[4096] = 'x';
    (void)!write (ready[1], "r", 1);
    pause ();
    _exit (0);
  }
  assert_int_equal (read (ready[0], &byte, 1), 1);
  kill (pid, SIGKILL);
  waitpid (pid, NULL, 0);
  close (ready[0]);
  close (ready[1]);
  apply_ends (s, ALL);
  assert_false (apply_begins (s, ALL));
}

static void
another_file_in_its_place (void **state)
{
  Stage *s = *state;
  assert_true (apply_begins (s, ALL));
  apply_ends (s, ALL);
  g_autofree char *path = ts_lab_vm_data_path (&s->vm, 0);
  g_autofree char *other = g_strconcat (path, ".other", NULL);
  assert_true (ts_lab_disk_create (other, 65536, NULL));
  assert_int_equal (g_rename (other, path), 0);
  assert_false (apply_begins (s, ALL));
}

/* One that is not replicated may be written by whom it likes. */
static void
not_one_of_ours (void **state)
{
  Stage *s = *state;
  assert_true (apply_begins (s, 1));
  edit (s, 1);
  apply_ends (s, 1);
  edit (s, 1);
  assert_true (apply_begins (s, 1));
  apply_ends (s, 1);
  assert_true (apply_begins (s, ALL));
}

static void
not_watched (void **state)
{
  Stage *s = *state;
  assert_true (apply_begins (s, ALL));
  apply_ends (s, ALL);
  ts_lab_watch_end (&s->relation);
  edit (s, 0);
  assert_true (apply_begins (s, ALL));
}

int
main (void)
{
#define T(name) cmocka_unit_test_setup_teardown (name, setup, teardown)
  const struct CMUnitTest tests[] = {
      T (ours_is_no_news),   T (between_two_sets),          T (with_the_time_put_back),
      T (while_we_write),    T (open_all_the_time),         T (mapped_and_killed),
      T (another_file_in_its_place), T (not_one_of_ours),   T (not_watched),
  };
  return cmocka_run_group_tests (tests, NULL, NULL);
}
