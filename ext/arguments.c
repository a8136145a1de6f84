/* SPDX-License-Identifier: GPL-2.0-only
 *
 * arguments.c - what of a command line may be written down.
 *
 * An argument is looked at word by word, as `sh -c` has a whole command in one.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem, memrchr */
#endif
#include "arguments.h"

#include <ctype.h>
#include <stdint.h>

#define HIDDEN "***"
#define NAME_SIZE 64

/* In the name of an option, a variable or a header, whatever '-' and '_' are in
 * it; not where the name ends so that what follows is only where the secret is. */
static const char *const secret_words[] = {
	"passw", "passphrase", "passin", "passout", "secret",	  "token",
	"apikey", "accesskey", "credential", "authorization", "sshpass",
};
static const char harmless_end[] = "file";

/* Options of one letter, the secret behind them or in the next argument. */
static const struct {
	const char *program, *option;
	bool attached_only; /* alone it asks */
} secret_options[] = {
	{"mysql", "-p", true},	     {"mysqldump", "-p", true},
	{"mysqladmin", "-p", true},  {"mysqlimport", "-p", true},
	{"mariadb", "-p", true},     {"mariadb-dump", "-p", true},
	{"sshpass", "-p", false},    {"curl", "-u", false},
	{"curl", "--user", false},   {"ldapsearch", "-w", false},
	{"ldapmodify", "-w", false}, {"ldapadd", "-w", false},
	{"redis-cli", "-a", false},  {"mongo", "-p", false},
	{"mongosh", "-p", false},    {"mongodump", "-p", false},
	{"useradd", "-p", false},    {"usermod", "-p", false},
	{"zip", "-P", false},	     {"unzip", "-P", false},
	{"7z", "-p", true},	     {"smbclient", "-U", false},
};

/* What is hidden of an argument. */
struct span {
	size_t from, to;
};

static bool is_blank(char c)
{
	return c && strchr(" \t\n\r;|&()", c);
}

static bool equals(struct bytes text, const char *string)
{
	return bytes_equal(text, bytes_of_string(string));
}

/* Lower case, without what words are joined with. */
static struct bytes plain_name(struct bytes name, char buffer[NAME_SIZE])
{
	size_t length = 0;

	for (size_t i = 0; i < name.length && length < NAME_SIZE; i++)
		if (name.data[i] != '-' && name.data[i] != '_')
			buffer[length++] = (char)tolower((unsigned char)name.data[i]);
	return bytes_of(buffer, length);
}

static bool is_secret(struct bytes name)
{
	size_t end = sizeof(harmless_end) - 1;
	char buffer[NAME_SIZE];

	if (memchr(name.data, '/', name.length))
		return false;
	name = plain_name(name, buffer);
	if (name.length >= end && !memcmp(name.data + name.length - end, harmless_end, end))
		return false;
	for (size_t i = 0; i < sizeof(secret_words) / sizeof(*secret_words); i++)
		if (memmem(name.data, name.length, secret_words[i], strlen(secret_words[i])))
			return true;
	return false;
}

/* Where the value begins in NAME=VALUE or NAME:VALUE, 0 where there is none. */
static size_t value_at(struct bytes word)
{
	for (size_t i = 1; i < word.length; i++)
		if (word.data[i] == '=' || word.data[i] == ':')
			return is_secret(bytes_of(word.data, i)) ? i + 1 : 0;
	return 0;
}

/* USER:SECRET@ behind "://". */
static bool find_userinfo(struct bytes word, struct span *ret)
{
	const char *begin = memmem(word.data, word.length, "://", 3), *end, *colon;
	const char *last = word.data + word.length;

	if (!begin)
		return false;
	begin += 3;
	end = memchr(begin, '/', (size_t)(last - begin));
	end = memrchr(begin, '@', (size_t)((end ? end : last) - begin));
	colon = end ? memchr(begin, ':', (size_t)(end - begin)) : NULL;
	if (colon)
		*ret = (struct span){(size_t)(colon + 1 - word.data), (size_t)(end - word.data)};
	return colon != NULL;
}

/* The length of an option of this program that a secret follows, 0: it is none. */
static size_t option_length(struct bytes program, struct bytes word)
{
	for (size_t i = 0; i < sizeof(secret_options) / sizeof(*secret_options); i++) {
		size_t length = strlen(secret_options[i].option);

		if (!equals(program, secret_options[i].program) || word.length < length ||
		    memcmp(word.data, secret_options[i].option, length))
			continue;
		if (word.length > length || !secret_options[i].attached_only)
			return length;
	}
	return 0;
}

static struct bytes last_name(struct bytes path)
{
	const char *slash = memrchr(path.data, '/', path.length);
	size_t skip = slash ? (size_t)(slash + 1 - path.data) : 0;

	return bytes_of(path.data + skip, path.length - skip);
}

/* Where in the word a secret begins; its length, where it is the next word's. */
static bool find_in_word(struct arguments *arguments, struct bytes word, struct span *ret)
{
	size_t from = value_at(word);

	ret->to = SIZE_MAX;
	if (!from)
		from = option_length(arguments->program, word);
	if (!from && word.length > 1 && word.data[0] == '-' &&
	    !memchr(word.data, '=', word.length) && is_secret(word))
		from = word.length;
	ret->from = from;
	return from || find_userinfo(word, ret);
}

static struct bytes next_word(struct bytes text, size_t *at)
{
	size_t begin;

	while (*at < text.length && is_blank(text.data[*at]))
		(*at)++;
	begin = *at;
	while (*at < text.length && !is_blank(text.data[*at]))
		(*at)++;
	return bytes_of(text.data + begin, *at - begin);
}

/* The first secret in an argument; the last word can announce that of the next. */
static bool find(struct arguments *arguments, struct bytes text, struct span *ret)
{
	bool first = true;
	size_t at = 0;

	for (struct bytes word = next_word(text, &at); word.length; word = next_word(text, &at)) {
		size_t begin = (size_t)(word.data - text.data);

		if (first && (!arguments->started || at < text.length))
			arguments->program = last_name(word);
		first = false;
		if (!find_in_word(arguments, word, ret))
			continue;
		ret->from += begin;
		ret->to = ret->to == SIZE_MAX ? text.length : ret->to + begin;
		arguments->next_is_secret = ret->from == text.length;
		return !arguments->next_is_secret;
	}
	return false;
}

static size_t add(char *text, size_t used, const char *data, size_t length)
{
	if (length > ARGUMENT_SIZE - used)
		length = ARGUMENT_SIZE - used;
	memcpy(text + used, data, length);
	return used + length;
}

static struct bytes hide(struct arguments *arguments, struct bytes text, struct span span)
{
	char *out = arguments->text;
	size_t used = add(out, 0, text.data, span.from);

	used = add(out, used, HIDDEN, strlen(HIDDEN));
	used = add(out, used, text.data + span.to, text.length - span.to);
	return bytes_of(out, used);
}

void arguments_init(struct arguments *arguments, struct bytes text,
		    enum arguments_shown shown)
{
	arguments->shown = shown;
	arguments->rest = shown == ARGUMENTS_NONE ? bytes_of(NULL, 0) : text;
	arguments->program = bytes_of("", 0);
	arguments->started = arguments->next_is_secret = false;
}

bool arguments_next(struct arguments *arguments, struct bytes *ret)
{
	struct span span = {0, 0};

	if (!text_next(&arguments->rest, ret))
		return false;
	if (arguments->shown == ARGUMENTS_ALL)
		return true;
	span.to = ret->length;
	if (arguments->next_is_secret)
		arguments->next_is_secret = false;
	else if (!find(arguments, *ret, &span))
		span.to = 0;
	arguments->started = true;
	if (span.to)
		*ret = hide(arguments, *ret, span);
	return true;
}
