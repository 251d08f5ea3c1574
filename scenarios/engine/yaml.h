/* scenarios/engine/yaml.h -- the little YAML that a scenario needs: maps, lists and scalars, each
 * with its place in the file.
 *
 * Read by libfyaml's event parser.  One document; no anchors, aliases or tags (an alias bomb cannot
 * be written, and a scenario reads from top to bottom); bounded in size, depth and count.  Scalars
 * stay text: what they mean is the schema's business. */
#pragma once
#include "scenarios/engine/problem.h"

#define TS_YAML_BYTES_MAX (1024 * 1024)
#define TS_YAML_DEPTH_MAX 12
#define TS_YAML_NODES_MAX 50000

typedef enum { TS_YAML_SCALAR, TS_YAML_LIST, TS_YAML_MAP } TsYamlKind;

typedef struct _TsYaml TsYaml;
struct _TsYaml {
  TsYamlKind kind;
  guint line, column; /* from 1; 0: not from the file (a default, or --set) */
  char *text;         /* SCALAR */
  gboolean plain;     /* SCALAR, written without quotes */
  GPtrArray *keys;    /* MAP: TsYaml * (scalars), in the file's order */
  GPtrArray *items;   /* LIST, MAP: TsYaml *; of a map, item i belongs to key i */
};

/* NULL when anything is wrong, told in problems. */
TsYaml *ts_yaml_parse (const char *text, gsize len, TsProblems *problems) G_GNUC_WARN_UNUSED_RESULT;
/* Reads the file (regular, at most TS_YAML_BYTES_MAX), then parses. */
TsYaml *ts_yaml_load (const char *path, TsProblems *problems) G_GNUC_WARN_UNUSED_RESULT;
void ts_yaml_free (TsYaml *node); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TsYaml, ts_yaml_free)

TsYaml *ts_yaml_new_scalar (const char *text);
TsYaml *ts_yaml_new_list (void);
TsYaml *ts_yaml_new_map (void);
/* Takes the value. */
void ts_yaml_add (TsYaml *list, TsYaml *value);
/* Takes the value; replaces the one of the same key, if there is one. */
void ts_yaml_set (TsYaml *map, const char *key, TsYaml *value);

/* The value of the first such key; NULL when there is none, or when map is not a map. */
TsYaml *ts_yaml_get (const TsYaml *map, const char *key);
/* An empty plain scalar: what stands behind "key:" when nothing does. */
gboolean ts_yaml_is_nothing (const TsYaml *node);
/* "a map", "a list", "a text" */
const char *ts_yaml_kind_name (const TsYaml *node);
/* The keys as words for ts_suggest: texts are the map's, the array is the caller's. */
const char **ts_yaml_words (const TsYaml *map);

/* Writes the tree as YAML that ts_yaml_parse reads back to the same tree.  Caller frees. */
char *ts_yaml_format (const TsYaml *root);
