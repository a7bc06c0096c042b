/* base.h - the library's version, identifiers, lengths of texts, memory. <dialogs.h> explains the conventions. */
#ifndef DLG_BASE_H
#define DLG_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef SWIG
#define DLG_API
#elif !defined(DLG_API)
#define DLG_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version -------------------------------------------------------------------------------------------- */

#define DLG_VERSION_MAJOR 0
#define DLG_VERSION_MINOR 1
#define DLG_VERSION_PATCH 0
#define DLG_VERSION_NUMBER (DLG_VERSION_MAJOR * 10000 + DLG_VERSION_MINOR * 100 + DLG_VERSION_PATCH)

/* Returns the version of the library that runs, as text: "0.1.0". Static; never NULL. */
DLG_API const char *dlg_version(void);

/* Returns the version of the library that runs, as a number like DLG_VERSION_NUMBER. */
DLG_API int dlg_version_number(void);

/*
 * Tells whether this build of the library has a feature.
 *
 *   name  "embedded" (conninfo `embedded:DIR`) or "buffered-sync" (built with libpq 17 or later).
 *
 * Returns 1 or 0; 0 for a name that it does not know.
 */
DLG_API int dlg_has_feature(const char *name);

/* ---- Identifiers ---------------------------------------------------------------------------------------- */

/* As a length: the text before it is terminated by NUL. The greatest size_t, for languages without macros. */
#ifdef SWIG
%constant size_t DLG_NTS = SIZE_MAX;
#else
#define DLG_NTS SIZE_MAX
#endif

/* A UUID: 16 bytes in network order (RFC 9562). The one of zeros only, "nil", names nobody. */
typedef struct dlg_uuid {
    uint8_t bytes[16];
} dlg_uuid;

#define DLG_UUID_TEXT_SIZE 37 /* bytes of a UUID's text: 36 characters and the NUL */

/*
 * Reads the text form of a UUID: 36 characters with four hyphens (RFC 9562, section 4).
 *
 *   uuid    receives the identifier.
 *   text    the text, in upper or lower case.
 *   length  36, or DLG_NTS.
 *
 * Errors: DLG_E_ARGUMENT for any other text.
 */
DLG_API int dlg_uuid_parse(dlg_uuid *uuid, const char *text, size_t length);

/*
 * Writes the text form of a UUID in lower case.
 *
 *   text  receives 36 characters and a NUL: at least DLG_UUID_TEXT_SIZE bytes.
 */
DLG_API void dlg_uuid_format(char *text, const dlg_uuid *uuid);

/* Makes a random UUID (RFC 9562, version 4) with the generator of libsodium. */
DLG_API void dlg_uuid_random(dlg_uuid *uuid);

/* Compares two UUIDs byte by byte. Returns a number below, equal to or above 0, as memcmp() does. */
DLG_API int dlg_uuid_compare(const dlg_uuid *a, const dlg_uuid *b);

/* ---- Memory --------------------------------------------------------------------------------------------- */

/* Frees what a `char **` parameter received. NULL is fine. */
DLG_API void dlg_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif
