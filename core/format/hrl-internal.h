/* core/format/hrl-internal.h -- where the fields of a log lie; for hrl-writer.c and hrl.c only. */
#pragma once
#include "core/format/hrl.h"
#include <string.h>

enum { /* header */
       H_COOKIE = 0,
       H_VERSION = 8,
       H_TIME = 12,
       H_APPLICATION = 16,
       H_APPLICATION_VERSION = 20,
       H_ORIGINAL_SIZE = 24,
       H_CURRENT_SIZE = 32,
       H_CHECKSUM = 40,
       H_EOL = 44,
       H_ERROR = 52,
       H_METADATA_SIZE = 56,
       H_UNIQUE = 60,
       H_PREVIOUS = 76,
       H_MODIFIED = 92,
       H_ENTRIES = 96,
       H_FILE_TYPE = 104,
       H_FLAGS = 108,
       H_DISK_WRITE = 110,
       H_RESERVED = 126,
};

enum { /* metadata block */
       M_PREVIOUS = 0,
       M_ENTRIES = 8,
       M_CHECKSUM = 12,
       M_RESERVED = 16,
       M_HEADER_BYTES = 32,
};

enum { /* entry */
       E_OFFSET = 0,
       E_CHECKSUM = 8,
       E_LENGTH = 12,
       E_TIME = 16,
       E_OPERATION = 20,
       E_DATA_CHECKSUM = 21,
       E_LOCATION = 25,
       E_RESERVED = 26,
       E_BYTES = 32,
};

#define HRL_WRITE 1 /* MetaOperation */
#define HRL_NO_FIELD G_MAXSIZE

G_STATIC_ASSERT (M_HEADER_BYTES + TS_HRL_ENTRIES_PER_BLOCK * E_BYTES == TS_HRL_METADATA_BYTES);

/* The sum of all bytes, eight at a time: they are gathered in four lanes of 16 bits, which hold what
 * 128 words of eight bytes can put into them (2 * 255 each).  Which byte of a word is which does not matter to
 * a sum, so it is the same on every machine. */
static inline guint32
hrl_sum (const guint8 *data, gsize len)
{
  const guint64 even = G_GUINT64_CONSTANT (0x00ff00ff00ff00ff);
  guint32 sum = 0;
  while (len >= 8) {
    gsize words = MIN (len / 8, 128);
    guint64 lanes = 0;
    for (gsize i = 0; i < words; i++) {
      guint64 word;
      memcpy (&word, data + 8 * i, sizeof word);
      lanes += (word & even) + (word >> 8 & even);
    }
    sum += (guint32)((lanes & 0xffff) + (lanes >> 16 & 0xffff) + (lanes >> 32 & 0xffff) + (lanes >> 48));
    data += 8 * words;
    len -= 8 * words;
  }
  for (gsize i = 0; i < len; i++)
    sum += data[i];
  return sum;
}

/* 2.6.  field: where the four bytes that are left out begin, or HRL_NO_FIELD. */
static inline guint32
hrl_checksum (const guint8 *data, gsize len, gsize field)
{
  guint32 sum = hrl_sum (data, len);
  if (field != HRL_NO_FIELD)
    for (gsize i = field; i < field + 4; i++)
      sum -= data[i];
  return ~sum;
}

static inline guint32
hrl_get32 (const guint8 *at)
{
  return (guint32)at[0] | (guint32)at[1] << 8 | (guint32)at[2] << 16 | (guint32)at[3] << 24;
}

static inline guint64
hrl_get64 (const guint8 *at)
{
  return hrl_get32 (at) | (guint64)hrl_get32 (at + 4) << 32;
}

static inline void
hrl_put32 (guint8 *at, guint32 value)
{
  for (guint i = 0; i < 4; i++)
    at[i] = (guint8)(value >> (8 * i));
}

static inline void
hrl_put64 (guint8 *at, guint64 value)
{
  hrl_put32 (at, (guint32)value);
  hrl_put32 (at + 4, (guint32)(value >> 32));
}
