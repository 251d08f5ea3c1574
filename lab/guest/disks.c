#include "lab/guest/disks.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static void
open_from (Disks *disks, unsigned from)
{
  for (unsigned i = from; i < DISKS_MAX; i++) {
    char path[] = "/dev/vda";
    path[sizeof path - 2] = (char)('a' + i);
    int fd = open (path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (fd < 0)
      break;
    off_t size = lseek (fd, 0, SEEK_END);
    disks->disk[i].fd = fd;
    disks->disk[i].size_bytes = size > 0 ? (uint64_t)size : 0;
    disks->count++;
  }
}

void
disks_open (Disks *disks)
{
  disks->count = 0;
  open_from (disks, 0);
}

/* Grown ones, and those that came; those that are open stay so. */
void
disks_look_again (Disks *disks, unsigned count)
{
  for (unsigned tries = 0; tries < 500; tries++) {
    for (unsigned i = 0; i < disks->count; i++) {
      off_t size = lseek (disks->disk[i].fd, 0, SEEK_END);
      disks->disk[i].size_bytes = size > 0 ? (uint64_t)size : 0;
    }
    open_from (disks, disks->count);
    if (disks->count >= count)
      return;
    if (tries % 50 == 0) { /* without ACPI nobody tells the kernel of a new device */
      int fd = open ("/sys/bus/pci/rescan", O_WRONLY | O_CLOEXEC);
      if (fd >= 0) {
        if (write (fd, "1", 1) != 1)
          perror ("rescan");
        close (fd);
      }
    }
    nanosleep (&(struct timespec){0, 10000000}, NULL);
  }
}

int
disks_write (const Disks *disks, unsigned disk, const void *data, uint64_t len, uint64_t offset)
{
  ssize_t put = pwrite (disks->disk[disk].fd, data, len, (off_t)offset);
  if (put < 0)
    return errno;
  return (uint64_t)put == len ? 0 : EIO;
}

int
disks_read (const Disks *disks, unsigned disk, void *data, uint64_t len, uint64_t offset)
{
  uint8_t *at = data;
  while (len) {
    ssize_t got = pread (disks->disk[disk].fd, at, len, (off_t)offset);
    if (got < 0)
      return errno;
    if (got == 0)
      return EIO;
    at += got;
    offset += (uint64_t)got;
    len -= (uint64_t)got;
  }
  return 0;
}

int
disks_sync (const Disks *disks, unsigned disk)
{
  return fdatasync (disks->disk[disk].fd) ? errno : 0;
}
