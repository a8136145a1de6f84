// SPDX-License-Identifier: GPL-2.0-only
#include "digest.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>


struct digest {
	const struct digest_kind *kind;
	void *context;
};

static struct {
	void *(*context_new)(void);
	void (*context_free)(void *context);
	int (*start)(void *context, const struct digest_kind *kind, void *engine);
	int (*add)(void *context, const void *data, size_t length);
	int (*finish)(void *context, unsigned char *ret, unsigned int *length);
	const struct digest_kind *(*by_name)(const char *name);
	const struct digest_kind *(*fetch)(void *library, const char *name, const char *properties);
} crypto;

static const struct {
	void *target; // where the address goes
	const char *names[2]; // 1.1 gave some of them another name
	int needed;
} functions[] = {
	{&crypto.context_new, {"EVP_MD_CTX_new", "EVP_MD_CTX_create"}, 1},
	{&crypto.context_free, {"EVP_MD_CTX_free", "EVP_MD_CTX_destroy"}, 1},
	{&crypto.start, {"EVP_DigestInit_ex"}, 1},
	{&crypto.add, {"EVP_DigestUpdate"}, 1},
	{&crypto.finish, {"EVP_DigestFinal_ex"}, 1},
	{&crypto.by_name, {"EVP_get_digestbyname"}, 1},
	// 3: without it each start looks the algorithm up again, under a lock
	{&crypto.fetch, {"EVP_MD_fetch"}, 0},
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void *open_library(void)
{
	static const char *const names[] = {
		"libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so.10", "libcrypto.so.1.0.2",
		"libcrypto.so.1.0.0",
	};
	static const int flags[] = {RTLD_NOW | RTLD_NOLOAD, RTLD_NOW}; // hashlib's own first
	void *library = NULL;

	for (size_t f = 0; f < COUNT(flags); f++)
		for (size_t i = 0; i < COUNT(names) && !library; i++)
			library = dlopen(names[i], flags[f]);
	return library;
}

static void *find(void *library, const char *const names[2])
{
	void *symbol = dlsym(library, names[0]);

	return symbol || !names[1] ? symbol : dlsym(library, names[1]);
}

static const char *load_failure = "there is no libcrypto of OpenSSL: install openssl-libs or libssl";

static void load(void)
{
	void *library = open_library();
	void (*register_all)(void);

	for (size_t i = 0; library && i < COUNT(functions); i++) {
		void *symbol = find(library, functions[i].names);

		if (!symbol && functions[i].needed)
			return;
		*(void **)functions[i].target = symbol;
	}
	if (!library)
		return;
	*(void **)&register_all = dlsym(library, "OpenSSL_add_all_digests"); // up to 1.0.2
	if (register_all)
		register_all();
	load_failure = NULL;
}

// Whether it may be used shows when it is: FIPS mode up to 1.1 refuses the start.
static int works(const struct digest_kind *kind)
{
	struct digest *digest = digest_new(kind);
	int error = digest ? digest_start(digest) : -ENOMEM;

	digest_free(digest);
	return error == 0;
}

// Those that were asked for; OpenSSL counts references, and looks up slowly.
static struct known {
	struct known *next;
	const struct digest_kind *kind;
	char name[32];
} *all_known;

static const struct digest_kind *recall(const char *name)
{
	for (struct known *known = all_known; known; known = known->next)
		if (strcmp(known->name, name) == 0)
			return known->kind;
	return NULL;
}

static const struct digest_kind *look_up(const char *name, const char **why)
{
	const struct digest_kind *kind = recall(name);
	struct known *known;

	if (kind)
		return kind;
	kind = crypto.fetch ? crypto.fetch(NULL, name, NULL) : crypto.by_name(name);
	known = calloc(1, sizeof(*known));
	if (!kind || !works(kind) || !known || strlen(name) >= sizeof(known->name)) {
		free(known);
		*why = kind || crypto.by_name(name) ? "not approved in this host's FIPS mode"
						    : "not known to OpenSSL here";
		return NULL;
	}
	strcpy(known->name, name);
	known->kind = kind;
	known->next = all_known;
	all_known = known;
	return kind;
}

const struct digest_kind *digest_find(const char *name, const char **why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	const struct digest_kind *kind;

	pthread_once(&once, load);
	*why = load_failure;
	if (load_failure)
		return NULL;
	pthread_mutex_lock(&lock);
	kind = look_up(name, why);
	pthread_mutex_unlock(&lock);
	return kind;
}

struct digest *digest_new(const struct digest_kind *kind)
{
	struct digest *digest = calloc(1, sizeof(*digest));

	if (!digest)
		return NULL;
	digest->kind = kind;
	digest->context = crypto.context_new();
	if (digest->context)
		return digest;
	free(digest);
	return NULL;
}

void digest_free(struct digest *digest)
{
	if (!digest)
		return;
	crypto.context_free(digest->context);
	free(digest);
}

int digest_start(struct digest *digest)
{
	return crypto.start(digest->context, digest->kind, NULL) == 1 ? 0 : -EIO;
}

int digest_add(struct digest *digest, const void *data, size_t length)
{
	return crypto.add(digest->context, data, length) == 1 ? 0 : -EIO;
}

int digest_finish(struct digest *digest, unsigned char *ret, size_t *ret_length)
{
	unsigned int length = 0;

	if (crypto.finish(digest->context, ret, &length) != 1)
		return -EIO;
	*ret_length = length;
	return 0;
}
