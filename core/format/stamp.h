/* core/format/stamp.h -- how the blocks that a guest writes name themselves.
 *
 * Shared with the guest agent, so plain C without GLib, header only.  A record is a multiple of
 * 4 KiB at a multiple of 4 KiB.  Each sector (512 bytes) of it starts with
 *
 *   OFFSET  SIZE  (little-endian)
 *        0     4  magic "TSST"
 *        4     2  disk: index into the VM's disks
 *        6     2  kind: 1 record of the workload, 2 initial fill
 *        8     8  sequence: of the record, 1, 2, 3 ... over all disks of the VM; fill: the block's
 *                 number plus one
 *       16     8  offset: where the record starts on the disk, in bytes
 *       24     4  length: of the record, in bytes
 *       28     4  check: FNV-1a 32 of bytes 0..27 and 32..511
 *       32   480  content: first half drawn from (seed, sequence, sector), second half a repeated
 *                 word, so that it compresses about 2:1 as real data does (CHOICE)
 *
 * A sector is whole if and only if its magic and check fit.  A record is whole if all its sectors
 * are whole and name the same record at this place; torn if they are whole and do not; else corrupt. */
#pragma once
#include <stdint.h>
#include <string.h>

#define TS_STAMP_SECTOR 512u
#define TS_STAMP_BLOCK 4096u
#define TS_STAMP_MAGIC 0x54535354u /* "TSST" */
enum { TS_STAMP_RECORD = 1, TS_STAMP_FILL = 2 };

typedef struct {
  uint32_t magic;
  uint16_t disk, kind;
  uint64_t sequence, offset;
  uint32_t length, check;
} TsStamp;

static inline uint32_t
ts_stamp_fnv (uint32_t hash, const uint8_t *data, uint32_t len)
{
  for (uint32_t i = 0; i < len; i++)
    hash = (hash ^ data[i]) * 16777619u;
  return hash;
}

static inline uint32_t
ts_stamp_check (const uint8_t *sector)
{
  return ts_stamp_fnv (ts_stamp_fnv (2166136261u, sector, 28), sector + 32, TS_STAMP_SECTOR - 32);
}

static inline void
ts_stamp_put (uint8_t *at, uint64_t value, int bytes)
{
  for (int i = 0; i < bytes; i++)
    at[i] = (uint8_t) (value >> (8 * i));
}

static inline uint64_t
ts_stamp_get (const uint8_t *at, int bytes)
{
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++)
    value |= (uint64_t) at[i] << (8 * i);
  return value;
}

static inline uint64_t
ts_stamp_mix (uint64_t x) /* splitmix64 */
{
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/* Lays sectors first .. first + sectors - 1 of a record into data; magic and check are filled in
 * here. */
static inline void
ts_stamp_lay_part (uint8_t *data, const TsStamp *stamp, uint64_t seed, uint32_t first,
                   uint32_t sectors)
{
  for (uint32_t s = first; s < first + sectors; s++) {
    uint8_t *sector = data + (s - first) * TS_STAMP_SECTOR;
    uint64_t state = ts_stamp_mix (seed ^ ts_stamp_mix (stamp->sequence * 4096 + s)
                                   ^ ((uint64_t) stamp->disk << 56) ^ ((uint64_t) stamp->kind << 48));
    uint64_t word = ts_stamp_mix (stamp->sequence);
    ts_stamp_put (sector, TS_STAMP_MAGIC, 4);
    ts_stamp_put (sector + 4, stamp->disk, 2);
    ts_stamp_put (sector + 6, stamp->kind, 2);
    ts_stamp_put (sector + 8, stamp->sequence, 8);
    ts_stamp_put (sector + 16, stamp->offset, 8);
    ts_stamp_put (sector + 24, stamp->length, 4);
    for (uint32_t i = 32; i < TS_STAMP_SECTOR; i += 8) {
      if (i < 272)
        state = ts_stamp_mix (state);
      ts_stamp_put (sector + i, i < 272 ? state : word, 8);
    }
    ts_stamp_put (sector + 28, ts_stamp_check (sector), 4);
  }
}

/* Lays a whole record of stamp->length bytes. */
static inline void
ts_stamp_lay (uint8_t *data, const TsStamp *stamp, uint64_t seed)
{
  ts_stamp_lay_part (data, stamp, seed, 0, stamp->length / TS_STAMP_SECTOR);
}

/* 1: the sector is whole, *stamp is what it names; 0: it is all zero (never written); -1: corrupt. */
static inline int
ts_stamp_read (const uint8_t *sector, TsStamp *stamp)
{
  stamp->magic = (uint32_t) ts_stamp_get (sector, 4);
  stamp->disk = (uint16_t) ts_stamp_get (sector + 4, 2);
  stamp->kind = (uint16_t) ts_stamp_get (sector + 6, 2);
  stamp->sequence = ts_stamp_get (sector + 8, 8);
  stamp->offset = ts_stamp_get (sector + 16, 8);
  stamp->length = (uint32_t) ts_stamp_get (sector + 24, 4);
  stamp->check = (uint32_t) ts_stamp_get (sector + 28, 4);
  if (stamp->magic == TS_STAMP_MAGIC && stamp->check == ts_stamp_check (sector))
    return 1;
  for (uint32_t i = 0; i < TS_STAMP_SECTOR; i++)
    if (sector[i])
      return -1;
  return 0;
}
