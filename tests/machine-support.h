/* tests/machine-support.h -- what tests of machines need: a namespace as a site has it, a folder, a
 * guest, and someone who listens to it. */
#pragma once
#include "lab/machine/machine.h"

/* Goes on in a child of the first process of namespaces of its own (process, mount, network), as a
 * host in a site does, with the path of a new short folder; ends the calling process with the
 * child's exit code and removes the folder.  Ends with 77 and the reason where that is not to be
 * had. */
char *support_enter_site (void);
/* Processes in our namespace besides its first one and us. */
guint support_strangers (void);

/* Kept between runs, beside the test's program. */
char *support_cache (void);
/* "vmlinuz", "initramfs" of the project's guest; ends with 77 and
 * the reason when they or QEMU are missing. */
char *support_guest (const char *name);

typedef struct {
  char *path;
  int fd;
  GThread *listener;
  gint ready;     /* "R" lines */
  gint64 writes;  /* "W" lines: acknowledged writes */
  gint64 trouble; /* "E" lines */
} SupportGuest;

/* Connects to the agent and waits until it is ready. */
SupportGuest *support_guest_meet (const char *path, gint64 timeout_us);
void support_guest_say (SupportGuest *guest, const char *format, ...) G_GNUC_PRINTF (2, 3);
gint64 support_guest_writes (SupportGuest *guest);
/* Waits until the guest has acknowledged so many writes in all. */
gboolean support_guest_reaches (SupportGuest *guest, gint64 writes, gint64 timeout_us);
void support_guest_part (SupportGuest *guest);

/* A machine called name in folder, with our guest; disk paths as given. */
TsLabMachine *support_machine (TsLabHypervisor *hypervisor, const char *folder, const char *name,
                               guint disks, char *const *path);
