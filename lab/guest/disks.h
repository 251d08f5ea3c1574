/* lab/guest/disks.h -- the guest's disks, in the order of the VM's: vda is disk 0. */
#pragma once
#include <stdint.h>

#define DISKS_MAX 16

typedef struct {
  unsigned count;
  struct {
    int fd;
    uint64_t size_bytes;
  } disk[DISKS_MAX];
} Disks;

/* Opens /dev/vda, vdb ... with O_DIRECT: what a write returns for has reached the hypervisor, no
 * page cache of the guest lies between. */
void disks_open (Disks *disks);
/* Looks for their sizes again, and for new ones, until there are so many, for some seconds. */
void disks_look_again (Disks *disks, unsigned count);
/* Each return 0, or errno. A write is whole or an error. */
int disks_write (const Disks *disks, unsigned disk, const void *data, uint64_t len,
                 uint64_t offset);
int disks_read (const Disks *disks, unsigned disk, void *data, uint64_t len, uint64_t offset);
int disks_sync (const Disks *disks, unsigned disk);
