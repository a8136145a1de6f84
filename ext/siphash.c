/* SPDX-License-Identifier: GPL-2.0-only */
#include "siphash.h"

#include <endian.h>
#include <string.h>

struct state {
	uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static void round_of(struct state *s)
{
	s->a += s->b;
	s->b = rotate(s->b, 13) ^ s->a;
	s->a = rotate(s->a, 32);
	s->c += s->d;
	s->d = rotate(s->d, 16) ^ s->c;
	s->a += s->d;
	s->d = rotate(s->d, 21) ^ s->a;
	s->c += s->b;
	s->b = rotate(s->b, 17) ^ s->c;
	s->c = rotate(s->c, 32);
}

static void absorb(struct state *s, uint64_t word)
{
	s->d ^= word;
	round_of(s);
	s->a ^= word;
}

/* Up to eight bytes, the first the lowest: the same on every machine. */
static uint64_t word_of(const unsigned char *data, size_t length)
{
	uint64_t word = 0;

	memcpy(&word, data, length);
	return le64toh(word);
}

uint64_t siphash(const void *key, const void *data, size_t length)
{
	const unsigned char *bytes = data;
	uint64_t k0 = word_of(key, 8);
	uint64_t k1 = word_of((const unsigned char *)key + 8, 8);
	struct state s = {
		k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
		k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573,
	};
	size_t done = 0;

	for (; length - done >= 8; done += 8)
		absorb(&s, word_of(bytes + done, 8));
	absorb(&s, word_of(bytes + done, length - done) |
			   (uint64_t)length << 56);
	s.c ^= 0xff;
	for (int i = 0; i < 3; i++)
		round_of(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}
