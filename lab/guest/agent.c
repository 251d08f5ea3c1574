/* The guest: pid 1 of a machine that is nothing but a kernel and this program.
 *
 * It loads the virtio drivers, opens the disks and the port to the runner, says "R" and then does
 * what it is told (lab/world/guest-channel.h).  One loop: the runner's lines first, then one write of the
 * workload or one piece of the survey, so that a ping waits for one of these at most. */
#include "lab/guest/survey.h"
#include "lab/guest/workload.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PROTOCOL_VERSION 1
#define PORT_NAME "org.twinsite.agent"

static uint8_t record[WORKLOAD_RECORD_MAX] __attribute__ ((aligned (4096)));
static uint8_t piece[SURVEY_PIECE] __attribute__ ((aligned (4096)));

static void
nap_ms (long ms)
{
  nanosleep (&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* On the console, for people who wonder why there is no "R". */
static void
complain (const char *what, const char *about)
{
  fprintf (stderr, "twinsite agent: %s %s: %s\n", what, about, strerror (errno));
}

static void
mount_all (void)
{
  static const struct {
    const char *type, *where;
  } mounts[] = {{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}};
  for (unsigned i = 0; i < sizeof mounts / sizeof *mounts; i++) {
    mkdir (mounts[i].where, 0755);
    if (mount (mounts[i].type, mounts[i].where, mounts[i].type, 0, NULL) && errno != EBUSY)
      complain ("mount", mounts[i].where);
  }
}

/* /modules/order names them, a file each, in the order they need each other (lab/guest/build). */
static void
load_modules (void)
{
  FILE *order = fopen ("/modules/order", "re");
  char name[64], path[96];
  if (!order) {
    complain ("open", "/modules/order");
    return;
  }
  while (fscanf (order, "%63s", name) == 1) {
    snprintf (path, sizeof path, "/modules/%s", name);
    int fd = open (path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (syscall (SYS_finit_module, fd, "", 0) && errno != EEXIST))
      complain ("load", path);
    if (fd >= 0)
      close (fd);
  }
  fclose (order);
}

/* lab/machine/acceleration.c boots the guest only to see that it boots. */
static int
is_probe (void)
{
  char text[1024] = "";
  FILE *file = fopen ("/proc/cmdline", "re");
  if (!file)
    return 0;
  int probe = fgets (text, sizeof text, file) && strstr (text, "twinsite.probe");
  fclose (file);
  return probe;
}

/* The port's device by its name; -1 while it is not there. */
static int
open_port (void)
{
  int fd = -1;
  DIR *ports = opendir ("/sys/class/virtio-ports");
  struct dirent *entry;
  while (fd < 0 && ports && (entry = readdir (ports))) {
    char path[300], name[64] = "";
    snprintf (path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
    FILE *file = fopen (path, "re");
    if (!file)
      continue;
    if (fscanf (file, "%63s", name) == 1 && strcmp (name, PORT_NAME) == 0) {
      snprintf (path, sizeof path, "/dev/%s", entry->d_name);
      fd = open (path, O_RDWR | O_CLOEXEC);
    }
    fclose (file);
  }
  if (ports)
    closedir (ports);
  return fd;
}

/* Ends the machine.  Without ACPI there is no power switch, and "halt" would leave the hypervisor
 * running: a reset ends it where resets are told to (-no-reboot, on_reboot=destroy). */
static void
power_off (void)
{
  sync ();
  tcdrain (STDERR_FILENO);
  reboot (access ("/sys/firmware/acpi/tables", F_OK) ? RB_AUTOBOOT : RB_POWER_OFF);
  for (;;)
    nap_ms (1000);
}

static void
obey (Port *port, Disks *disks, Workload *workload, Survey *survey)
{
  const char *line = port->line;
  unsigned long long n;
  char end;
  if (sscanf (line, "P %llu%c", &n, &end) == 1)
    port_say (port, "p %llu", n);
  else if (sscanf (line, "D %llu%c", &n, &end) == 1) {
    disks_look_again (disks, n < DISKS_MAX ? (unsigned)n : DISKS_MAX);
    if (disks->count < n)
      port_say (port, "E %u disks are there, not %llu", disks->count, n);
  } else if (strncmp (line, "Z ", 2) == 0)
    workload_freeze (workload, line + 2, disks, port);
  else if (strncmp (line, "U ", 2) == 0)
    workload_thaw (workload);
  else if (strcmp (line, "Q") == 0) {
    workload_end (workload);
    workload_settle (workload, disks, port);
    power_off ();
  } else if (strcmp (line, "W") == 0)
    workload_end (workload);
  else if (strncmp (line, "W ", 2) == 0) {
    if (survey->running)
      port_say (port, "E workload refused: a survey runs");
    else
      workload_begin (workload, line + 2, disks, port);
  } else if (strncmp (line, "S ", 2) == 0) {
    if (workload->running)
      port_say (port, "E survey refused: a workload runs");
    else if (survey->running)
      port_say (port, "E survey refused: another one runs");
    else
      survey_begin (survey, line + 2, disks, port);
  } else
    port_say (port, "E not understood: %.180s", line);
}

static void
serve (Port *port, Disks *disks)
{
  static Workload workload = {.data = record};
  static Survey survey = {.data = piece};
  int greeted = 0;
  for (;;) {
    int frozen = workload_is_frozen (&workload, port);
    uint64_t wait_us = frozen ? 100000 : workload.running ? workload_wait_us (&workload) : 0;
    int timeout_ms = survey.running              ? 0
                     : workload.running || frozen ? (int)(wait_us / 1000)
                                                  : -1;
    if (timeout_ms > 100)
      timeout_ms = 100;
    if (!greeted)
      timeout_ms = 0; /* the other end may be there without a word: then it waits for ours */
    int got = port_read (port, timeout_ms);
    if (got < 0) { /* nobody there: who comes next is greeted again */
      greeted = 0;
      nap_ms (20);
      continue;
    }
    if (!greeted) {
      port_say (port, "R %d", PROTOCOL_VERSION);
      greeted = 1;
    }
    if (got) {
      obey (port, disks, &workload, &survey);
      continue;
    }
    if (survey.running)
      survey_step (&survey, disks, port);
    else if (workload.running && !frozen) {
      wait_us = workload_wait_us (&workload);
      if (wait_us >= 1000)
        continue;
      if (wait_us)
        nanosleep (&(struct timespec){0, (long)wait_us * 1000}, NULL);
      workload_step (&workload, disks, port);
    }
  }
}

int
main (void)
{
  static Port port;
  static Disks disks;
  umask (022);
  mount_all ();
  load_modules ();
  if (is_probe ()) {
    fprintf (stderr, "twinsite guest ready\n");
    power_off ();
  }
  /* Disks are probed while their drivers load; the port is announced by the host a moment later. */
  while ((port.fd = open_port ()) < 0)
    nap_ms (5);
  disks_open (&disks);
  serve (&port, &disks);
}
