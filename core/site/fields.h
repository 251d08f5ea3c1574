/* core/site/fields.h -- what stands in an a{sv}, the shape of messages, rows and request bodies.
 *
 * Readers never fail: a field that is missing or of another type is the fallback; that it must be
 * there has been checked before (message.h, core/vault/routes.h).  Texts are borrowed from the
 * variant.  A TsFields is a set of fields that can be changed; it has the fields in order of their
 * names, so that what is made of it is the same each time. */
#pragma once
#include <glib.h>

const char *ts_variant_text (GVariant *fields, const char *name, const char *fallback);
gint64 ts_variant_int (GVariant *fields, const char *name, gint64 fallback);
gboolean ts_variant_bool (GVariant *fields, const char *name, gboolean fallback);
/* An a{sv} or av inside; NULL when there is none.  The caller's. */
GVariant *ts_variant_dict (GVariant *fields, const char *name) G_GNUC_WARN_UNUSED_RESULT;
GVariant *ts_variant_list (GVariant *fields, const char *name) G_GNUC_WARN_UNUSED_RESULT;
/* Entry index of an av, unboxed; the caller's. */
GVariant *ts_variant_entry (GVariant *list, gsize index) G_GNUC_WARN_UNUSED_RESULT;
gsize ts_variant_count (GVariant *list); /* NULL: 0 */

typedef struct _TsFields TsFields;
TsFields *ts_fields_new (void) G_GNUC_WARN_UNUSED_RESULT;
/* A copy of an a{sv}; NULL: empty. */
TsFields *ts_fields_of (GVariant *variant) G_GNUC_WARN_UNUSED_RESULT;
void ts_fields_free (TsFields *fields); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsFields, ts_fields_free)

/* Each sets a field and returns whether that is a change.  NULL text, NULL value: the field goes. */
gboolean ts_fields_set_text (TsFields *fields, const char *name, const char *text);
gboolean ts_fields_set_int (TsFields *fields, const char *name, gint64 number);
gboolean ts_fields_set_bool (TsFields *fields, const char *name, gboolean yes);
gboolean ts_fields_set (TsFields *fields, const char *name, GVariant *value); /* sinks it */
/* NULL when there is none; borrowed until it is set again. */
const char *ts_fields_text (const TsFields *fields, const char *name);
gint64 ts_fields_int (const TsFields *fields, const char *name, gint64 fallback);
gboolean ts_fields_bool (const TsFields *fields, const char *name);
GVariant *ts_fields_get (const TsFields *fields, const char *name); /* borrowed */
/* The same fields as an a{sv}; floating. */
GVariant *ts_fields_variant (const TsFields *fields) G_GNUC_WARN_UNUSED_RESULT;
/* The same, and frees it. */
GVariant *ts_fields_end (TsFields *fields) G_GNUC_WARN_UNUSED_RESULT;

/* Lists: an av that is being made. */
void ts_list_add (GVariantBuilder *list, GVariant *value);
