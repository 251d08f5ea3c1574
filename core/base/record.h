/* core/base/record.h -- one line of the journal: what happened, when, told by whom.
 *
 * A record is flat: a time, a source ("hv-paris", "app@hv-lyon", "wan", "engine"), a kind ("state",
 * "cut", "point", ...) and fields in the order they were added.  The kinds and their fields are
 * listed in results/README.md.  Values are integers, texts and booleans; never doubles, so that two
 * runs can be compared byte for byte. */
#pragma once
#include <glib.h>

typedef enum { TS_FIELD_INT, TS_FIELD_TEXT, TS_FIELD_BOOL } TsFieldType;

typedef struct {
  char *key; /* lower case, digits, '_' and '.' */
  TsFieldType type;
  gint64 number; /* INT; BOOL as 0 or 1 */
  char *text;    /* TEXT, UTF-8; else NULL */
} TsField;

typedef struct {
  gint64 t_us; /* since the run's start */
  char *source;
  char *kind;
  GArray *fields; /* TsField */
} TsRecord;

TsRecord *ts_record_new (gint64 t_us, const char *source,
                         const char *kind) G_GNUC_WARN_UNUSED_RESULT;
TsRecord *ts_record_copy (const TsRecord *record) G_GNUC_WARN_UNUSED_RESULT;
void ts_record_free (TsRecord *record); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsRecord, ts_record_free)

/* Each appends a field and returns record, so that calls can be nested.  A key is added once, and
 * is none of t_us, source, kind (asserted).  A text that is not UTF-8 is made so; NULL is "". */
TsRecord *ts_record_int (TsRecord *record, const char *key, gint64 value);
TsRecord *ts_record_text (TsRecord *record, const char *key, const char *value);
TsRecord *ts_record_bool (TsRecord *record, const char *key, gboolean value);

/* NULL when there is no such field. */
const TsField *ts_record_field (const TsRecord *record, const char *key);
/* The field's number, or fallback when it is absent or a text. */
gint64 ts_record_get_int (const TsRecord *record, const char *key, gint64 fallback);
/* The field's text, or NULL when it is absent or a number.  Owned by the record. */
const char *ts_record_get_text (const TsRecord *record, const char *key);

/* One line of JSON without a line end: {"t_us":1,"source":"a","kind":"b",...} in field order. */
char *ts_record_to_json (const TsRecord *record) G_GNUC_WARN_UNUSED_RESULT;

/* For crossing a process border: (x s s a(sv)).  from_variant refuses anything that is not of that
 * shape with TS_ERROR_FORMAT. */
GVariant *ts_record_to_variant (const TsRecord *record) G_GNUC_WARN_UNUSED_RESULT; /* floating */
TsRecord *ts_record_from_variant (GVariant *variant, GError **error) G_GNUC_WARN_UNUSED_RESULT;
