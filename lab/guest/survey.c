#include "lab/guest/survey.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BLOCK TS_STAMP_BLOCK
#define SECTOR TS_STAMP_SECTOR

static void
next_disk (Survey *s, const Disks *disks)
{
  while (s->disk < disks->count && !s->wanted[s->disk])
    s->disk++;
  s->at = s->piece_at = s->piece_len = s->fill_blocks = 0;
  s->headless = (TsStamp){0};
}

void
survey_begin (Survey *s, const char *line, const Disks *disks, Port *port)
{
  uint8_t *data = s->data;
  *s = (Survey){.data = data};
  int told = 0, used = 0;
  unsigned disk;
  uint64_t fill;
  for (; sscanf (line, " %u:%" SCNu64 "%n", &disk, &fill, &used) == 2; line += used, told++) {
    if (disk >= disks->count || fill % BLOCK || fill > disks->disk[disk].size_bytes) {
      port_say (port, "E survey refused:%.*s: no such disk or fill", used, line);
      return;
    }
    s->wanted[disk] = 1;
    s->fill[disk] = fill;
  }
  if (!told || line[strspn (line, " ")]) {
    port_say (port, "E survey refused: %.180s", line);
    return;
  }
  s->running = 1;
  next_disk (s, disks);
}

/* The disk's bytes from offset on, at least len (at most a piece) of them; what cannot be read is
 * told and seen as corrupt. */
static const uint8_t *
view (Survey *s, const Disks *disks, Port *port, uint64_t offset, uint64_t len)
{
  if (offset < s->piece_at || offset + len > s->piece_at + s->piece_len) {
    uint64_t left = disks->disk[s->disk].size_bytes - offset;
    s->piece_at = offset;
    s->piece_len = left < SURVEY_PIECE ? left : SURVEY_PIECE;
    int error = disks_read (disks, s->disk, s->data, s->piece_len, offset);
    if (error) {
      port_batch (port, "E read of disk %u at %" PRIu64 ": %s", s->disk, offset, strerror (error));
      memset (s->data, 0xff, s->piece_len);
    }
  }
  return s->data + (offset - s->piece_at);
}

static int
blank (const uint8_t *block)
{
  uint64_t any = 0;
  for (unsigned i = 0; i < BLOCK; i += sizeof any) {
    uint64_t word;
    memcpy (&word, block + i, sizeof word);
    any |= word;
  }
  return any == 0;
}

static int
same_record (const TsStamp *a, const TsStamp *b)
{
  return a->disk == b->disk && a->kind == b->kind && a->sequence == b->sequence &&
         a->offset == b->offset && a->length == b->length;
}

static void
tell (Survey *s, Port *port, uint64_t offset, uint64_t length, uint64_t sequence, char held)
{
  if (held == 'w')
    s->records++;
  else
    s->bad++;
  port_batch (port, "S %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %c", s->disk, offset, length,
              sequence, held);
}

static void
tell_fill (Survey *s, Port *port)
{
  if (s->fill_blocks)
    port_batch (port, "L %u %" PRIu64 " %" PRIu64, s->disk, s->fill_first, s->fill_blocks);
  s->fill_blocks = 0;
}

static void
look_at_fill (Survey *s, const uint8_t *block, Port *port)
{
  TsStamp want = {.disk = (uint16_t)s->disk,
                  .kind = TS_STAMP_FILL,
                  .sequence = s->at / BLOCK + 1,
                  .offset = s->at,
                  .length = BLOCK};
  int whole = 1;
  for (unsigned i = 0; i < BLOCK && whole; i += SECTOR) {
    TsStamp stamp;
    whole = ts_stamp_read (block + i, &stamp) == 1 && same_record (&stamp, &want);
  }
  if (whole) {
    if (!s->fill_blocks)
      s->fill_first = s->at;
    s->fill_blocks++;
    s->fills++;
  } else {
    tell_fill (s, port);
    tell (s, port, s->at, BLOCK, 0, 'c');
  }
}

/* Looks at len bytes of a record named at its start. *newest: the highest sequence that is named by
 * a sector for just this place. */
static char
judge (const uint8_t *data, uint64_t len, const TsStamp *name, uint64_t *newest)
{
  char held = 'w';
  *newest = name->sequence;
  for (uint64_t i = 0; i < len; i += SECTOR) {
    TsStamp stamp;
    int state = ts_stamp_read (data + i, &stamp);
    if (state < 0)
      held = 'c';
    else if (held != 'c' && (state == 0 || !same_record (&stamp, name)))
      held = 't';
    if (state == 1 && stamp.kind == name->kind && stamp.offset == name->offset &&
        stamp.length == name->length && stamp.sequence > *newest)
      *newest = stamp.sequence;
  }
  return held;
}

/* Looks at what starts at s->at, and returns how long that is. */
static uint64_t
look_at_record (Survey *s, const uint8_t *block, const Disks *disks, Port *port)
{
  TsStamp name;
  unsigned i = 0;
  while (i < BLOCK && ts_stamp_read (block + i, &name) != 1)
    i += SECTOR;
  if (i == BLOCK) { /* something is there, and nothing of it names itself */
    tell (s, port, s->at, BLOCK, 0, 'c');
    return BLOCK;
  }
  uint64_t size = disks->disk[s->disk].size_bytes, newest;
  int sane = name.kind == TS_STAMP_RECORD && name.disk == s->disk && name.offset % BLOCK == 0 &&
             name.length >= BLOCK && name.length % BLOCK == 0 && name.length <= SURVEY_PIECE &&
             name.offset <= size && name.length <= size - name.offset;
  if (sane && name.offset == s->at) {
    char held = judge (view (s, disks, port, s->at, name.length), name.length, &name, &newest);
    tell (s, port, s->at, name.length, newest, held);
    return name.length;
  }
  char held = judge (block, BLOCK, &name, &newest) == 'c' ? 'c' : 't';
  if (sane && name.offset < s->at && s->at < name.offset + name.length) {
    /* A record whose head is not here: told once, at its own place. */
    if (!same_record (&name, &s->headless))
      tell (s, port, name.offset, name.length, name.sequence, held);
    s->headless = name;
  } else /* whole sectors of some other place */
    tell (s, port, s->at, BLOCK, name.sequence, held);
  return BLOCK;
}

void
survey_step (Survey *s, const Disks *disks, Port *port)
{
  if (s->disk >= disks->count) {
    s->running = 0;
    port_say (port, "s %" PRIu64 " %" PRIu64 " %" PRIu64, s->records, s->fills, s->bad);
    return;
  }
  uint64_t size = disks->disk[s->disk].size_bytes / BLOCK * BLOCK;
  uint64_t until = s->at + SURVEY_PIECE < size ? s->at + SURVEY_PIECE : size;
  while (s->at < until) {
    const uint8_t *block = view (s, disks, port, s->at, BLOCK);
    if (s->at < s->fill[s->disk]) {
      look_at_fill (s, block, port);
      s->at += BLOCK;
      continue;
    }
    tell_fill (s, port);
    s->at += blank (block) ? BLOCK : look_at_record (s, block, disks, port);
  }
  if (s->at >= size) {
    tell_fill (s, port);
    s->disk++;
    next_disk (s, disks);
  }
}
