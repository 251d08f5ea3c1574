/* lab/guest/survey.h -- reads every disk back and tells what it holds, piece by piece.
 *
 * The rule for whole, torn and corrupt is that of core/format/stamp.h; sectors that were never
 * written do not make a record corrupt, only torn.  Of a place where two records meet, the newer
 * one is named: the older is overwritten whichever way one looks. */
#pragma once
#include "lab/guest/disks.h"
#include "lab/guest/port.h"
#include "core/format/stamp.h"

#define SURVEY_PIECE (1u << 20) /* one read; also the longest record */

typedef struct {
  int running;
  unsigned disk;
  uint64_t at;              /* next byte of that disk to look at */
  uint64_t fill[DISKS_MAX]; /* bytes of fill at each disk's start */
  unsigned char wanted[DISKS_MAX];
  uint64_t fill_first, fill_blocks; /* the run of whole fill blocks that is not yet told */
  uint64_t records, fills, bad;     /* so far, over all disks */
  uint64_t piece_at, piece_len;     /* what of the disk is in data */
  TsStamp headless;                 /* the last record told whose head is gone; length 0: none */
  uint8_t *data;                    /* SURVEY_PIECE bytes, aligned to 4 KiB: the caller's */
} Survey;

/* line: what follows "S ": "<disk>:<fill bytes> ...".  Refused with "E" when it makes no sense. */
void survey_begin (Survey *survey, const char *line, const Disks *disks, Port *port);
/* Looks at about one piece; says "s ..." and stops running behind the last. */
void survey_step (Survey *survey, const Disks *disks, Port *port);
