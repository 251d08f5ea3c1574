/* lab/host/move.h -- a VM on its way from one host process to another of its site.  Twin of sim/move.h.
 *
 * What is carried crosses a connection between the two (TLS, as all others): handover messages
 * (core/site/handover.h) in MESSAGE frames of set 0, the cargo's list in one of set 1, the files' bytes in COPY
 * frames (disk: number of the file), and COPY_END.  Only a host of the same cloud is heard.
 *
 * CHOICE: a planned restart.  The guest is shut down, the machine is off while it is carried, and is started
 * on the new host; its memory does not go along.  The pause is measured all the same. */
#pragma once
#include "core/site/handover.h"
#include "lab/host/host-internal.h"

TsLabMove *ts_lab_move_new (TsLabVm *vm);
void ts_lab_move_free (TsLabMove *move); /* NULL is fine */
/* After a start of the host, before its relations are restored: what was durable. */
gboolean ts_lab_move_restore (TsLabMove *move, GError **error);
void ts_lab_move_resume (TsLabMove *move); /* and when they are: goes on with it */
/* Why the VM cannot go from here to that host, whatever the state of its relation; NULL: it can.  The
 * caller's. */
char *ts_lab_move_why_not (const TsLabMove *move, const char *to);
/* Its relation, if it has one, is at rest. */
void ts_lab_move_begin (TsLabMove *move, const char *to);
/* As ts_handover_forbids and ts_handover_went_to. */
gboolean ts_lab_move_forbids (const TsLabMove *move);
const char *ts_lab_move_went_to (const TsLabMove *move);
/* A host of the cloud has connected, and its first frame is a message of a handover.  Takes link, when TRUE. */
gboolean ts_lab_move_adopt (TsLabHost *host, TsLabLink *link, TsFrame *first);
/* The machine has stopped, or does not (why_not). */
void ts_lab_move_machine_off (TsLabMove *move);
void ts_lab_move_machine_stays_on (TsLabMove *move, const char *why_not);

/* --- move-cargo.c: files that go along --------------------------------------------------------- */
typedef struct {
  char *room, *name; /* what it is, which one of these: move-cargo.c */
  guint64 size_bytes;
} TsLabCargoFile;

typedef struct {
  guint64 number;    /* of the handover */
  GPtrArray *files;  /* TsLabCargoFile */
  GBytes *relation;  /* ts_lab_relation_pack; NULL: it has none */
  gboolean tracked, watching;
  char *owner, *owner_group, *storage; /* of a replica; "" */
} TsLabCargo;

TsLabCargo *ts_lab_cargo_new (guint64 number);
void ts_lab_cargo_free (TsLabCargo *cargo); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsLabCargo, ts_lab_cargo_free)
/* Blocks.  Adds what the VM has here; its machine is off, its relation at rest. */
gboolean ts_lab_cargo_load (TsLabCargo *cargo, TsLabVm *vm, GError **error);
/* Where that file is on this host, as it is used; caller frees. */
char *ts_lab_cargo_path (const TsLabVm *vm, const TsLabCargoFile *file);
GBytes *ts_lab_cargo_pack (const TsLabCargo *cargo);
/* From another host: names only what a VM has.  TS_ERROR_FORMAT. */
TsLabCargo *ts_lab_cargo_unpack (GBytes *bytes, const TsLabVmConfig *vm, GError **error);
char *ts_lab_cargo_folder (const TsLabVm *vm); /* where one that comes lies until it is taken */
/* All block.  An empty one; a piece of it; all of it durable, with its list; put where it is used (what is
 * there already stays); read again; removed. */
gboolean ts_lab_cargo_open (const TsLabCargo *cargo, const TsLabVm *vm, GError **error);
gboolean ts_lab_cargo_write (const TsLabCargo *cargo, const TsLabVm *vm, guint file,
                             guint64 offset_bytes, GBytes *bytes, GError **error);
gboolean ts_lab_cargo_settle (const TsLabCargo *cargo, const TsLabVm *vm, GError **error);
gboolean ts_lab_cargo_place (const TsLabCargo *cargo, const TsLabVm *vm, const char *room, GError **error);
TsLabCargo *ts_lab_cargo_recall (const TsLabVm *vm, GError **error);
gboolean ts_lab_cargo_scrap (const TsLabVm *vm, GError **error);
