/* SPDX-License-Identifier: GPL-2.0-only */
#include "inode_store.h"

#include <errno.h>
#include <stdlib.h>

#include "siphash.h"

#define FIRST_ROOM 64u

int inode_store_init(struct inode_store *store, uint32_t limit,
		     const void *seed)
{
	*store = (struct inode_store){.limit = limit};
	memcpy(store->seed, seed, sizeof(store->seed));
	arena_init(&store->texts);
	if (slots_init(&store->by_id, sizeof(struct inode_node),
		       offsetof(struct inode_node, hash)) < 0 ||
	    slots_init(&store->by_name, sizeof(struct inode_link),
		       offsetof(struct inode_link, hash)) < 0) {
		inode_store_deinit(store);
		return -ENOMEM;
	}
	store->node_end = store->link_end = 1;
	return 0;
}

void inode_store_deinit(struct inode_store *store)
{
	free(store->nodes);
	free(store->links);
	slots_deinit(&store->by_id);
	slots_deinit(&store->by_name);
	arena_deinit(&store->texts);
	*store = (struct inode_store){0};
}

size_t inode_store_memory(const struct inode_store *store)
{
	return (size_t)store->node_room * sizeof(struct inode_node) +
	       (size_t)store->link_room * sizeof(struct inode_link) +
	       ((size_t)store->by_id.mask + 1) * sizeof(uint32_t) +
	       ((size_t)store->by_name.mask + 1) * sizeof(uint32_t) +
	       store->texts.room;
}

static uint32_t hash_id(const struct inode_store *store,
			const struct fim_id *id)
{
	uint64_t key[2] = {id->ino, (uint64_t)id->over << 32 | id->dev};

	return (uint32_t)siphash(store->seed, key, sizeof(key));
}

static uint32_t hash_name(const struct inode_store *store, uint32_t dir,
			  struct bytes name)
{
	/* The directory's number is not chosen by the watched; so it may be
	 * mixed in behind the keyed hash (a multiplication spreads it). */
	uint32_t hash = (uint32_t)siphash(store->seed, name.data, name.length);

	return hash ^ dir * 0x9e3779b1u;
}

uint32_t inode_store_node(const struct inode_store *store,
			  const struct fim_id *id)
{
	const struct slots *slots = &store->by_id;
	uint32_t hash = hash_id(store, id), n;

	for (uint32_t i = slots_home(slots, hash); (n = slots->slot[i]);
	     i = slots_after(slots, i)) {
		const struct inode_node *node = &store->nodes[n];

		if (node->ino == id->ino && node->dev == id->dev &&
		    node->over == id->over)
			return n;
	}
	return 0;
}

uint32_t inode_store_link(const struct inode_store *store, uint32_t dir,
			  struct bytes name)
{
	const struct slots *slots = &store->by_name;
	uint32_t hash = hash_name(store, dir, name), n;

	for (uint32_t i = slots_home(slots, hash); (n = slots->slot[i]);
	     i = slots_after(slots, i)) {
		const struct inode_link *link = &store->links[n];

		if (link->hash == hash && link->dir == dir &&
		    bytes_equal(inode_store_text(store, n), name))
			return n;
	}
	return 0;
}

struct bytes inode_store_text(const struct inode_store *store, uint32_t link)
{
	return arena_get(&store->texts, store->links[link].text);
}

struct fim_id inode_store_id(const struct inode_store *store, uint32_t node)
{
	const struct inode_node *cell = &store->nodes[node];

	return (struct fim_id){cell->ino, cell->dev, cell->over};
}

/* Room for cell `end` in an array that has `*room`; the array, or NULL. */
static void *make_room(void *cells, size_t size, uint32_t end, uint32_t *room)
{
	uint64_t more = *room ? 2ull * *room : FIRST_ROOM;
	void *grown;

	if (end < *room)
		return cells;
	if (more > UINT32_MAX)
		return NULL;
	grown = realloc(cells, more * size);
	if (grown)
		*room = (uint32_t)more;
	return grown;
}

/* A number for a new node, and room for it in the index. */
static int reserve_node(struct inode_store *store)
{
	struct inode_node *nodes;

	if (store->node_count >= store->limit)
		return -ENOSPC;
	nodes = make_room(store->nodes, sizeof(*nodes), store->node_end,
			  &store->node_room);
	if (!nodes)
		return -ENOMEM;
	store->nodes = nodes;
	return slots_reserve(&store->by_id, nodes);
}

int inode_store_add_node(struct inode_store *store, const struct fim_id *id,
			 uint32_t *ret)
{
	int r = reserve_node(store);
	uint32_t n = store->node_free;

	if (r < 0)
		return r;
	if (n)
		store->node_free = store->nodes[n].first_name;
	else
		n = store->node_end++;
	store->nodes[n] = (struct inode_node){
		.ino = id->ino,
		.dev = id->dev,
		.over = id->over,
		.hash = hash_id(store, id),
	};
	slots_add(&store->by_id, store->nodes, n);
	store->node_count++;
	*ret = n;
	return 0;
}

void inode_store_remove_node(struct inode_store *store, uint32_t node)
{
	struct inode_node *cell = &store->nodes[node];

	slots_remove(&store->by_id, store->nodes, node);
	*cell = (struct inode_node){
		.flags = INODE_FREE,
		.first_name = store->node_free,
	};
	store->node_free = node;
	store->node_count--;
}

void inode_store_rekey(struct inode_store *store, uint32_t node,
		       const struct fim_id *id)
{
	struct inode_node *cell = &store->nodes[node];

	slots_remove(&store->by_id, store->nodes, node);
	cell->ino = id->ino;
	cell->dev = id->dev;
	cell->over = id->over;
	cell->hash = hash_id(store, id);
	slots_add(&store->by_id, store->nodes, node);
}

/* Copy the names still in use; all or none, so the room comes first. */
static void rebuild_texts(struct inode_store *store)
{
	const struct arena *old = &store->texts;
	struct arena fresh;

	if (arena_init_room(&fresh, old->used - old->garbage) < 0)
		return;
	for (uint32_t n = 1; n < store->link_end; n++)
		if (store->links[n].child)
			arena_add(&fresh, inode_store_text(store, n),
				  &store->links[n].text);
	arena_deinit(&store->texts);
	store->texts = fresh;
}

static int reserve_link(struct inode_store *store)
{
	struct inode_link *links;

	if (store->link_count >= store->limit)
		return -ENOSPC;
	links = make_room(store->links, sizeof(*links), store->link_end,
			  &store->link_room);
	if (!links)
		return -ENOMEM;
	store->links = links;
	return slots_reserve(&store->by_name, links);
}

static void chain_link(struct inode_store *store, uint32_t n)
{
	struct inode_link *link = &store->links[n];
	struct inode_node *dir = &store->nodes[link->dir];
	struct inode_node *child = &store->nodes[link->child];

	store->links[child->first_name].prev_name = n;
	link->next_name = child->first_name;
	child->first_name = n;
	child->names++;
	store->links[dir->first_child].prev_child = n;
	link->next_child = dir->first_child;
	dir->first_child = n;
}

int inode_store_add_link(struct inode_store *store, uint32_t dir,
			 struct bytes name, uint32_t child, uint32_t *ret)
{
	uint32_t n = store->link_free, text = 0;
	int r = reserve_link(store);

	if (r == 0)
		r = arena_add(&store->texts, name, &text);
	if (r < 0)
		return r;
	if (n)
		store->link_free = store->links[n].next_name;
	else
		n = store->link_end++;
	store->links[n] = (struct inode_link){
		.dir = dir,
		.child = child,
		.text = text,
		.hash = hash_name(store, dir, name),
	};
	chain_link(store, n);
	slots_add(&store->by_name, store->links, n);
	store->link_count++;
	*ret = n;
	return 0;
}

static void unchain_link(struct inode_store *store, uint32_t n)
{
	struct inode_link *links = store->links;
	struct inode_node *dir = &store->nodes[links[n].dir];
	struct inode_node *child = &store->nodes[links[n].child];

	links[links[n].next_name].prev_name = links[n].prev_name;
	if (links[n].prev_name)
		links[links[n].prev_name].next_name = links[n].next_name;
	else
		child->first_name = links[n].next_name;
	child->names--;
	links[links[n].next_child].prev_child = links[n].prev_child;
	if (links[n].prev_child)
		links[links[n].prev_child].next_child = links[n].next_child;
	else
		dir->first_child = links[n].next_child;
}

void inode_store_remove_link(struct inode_store *store, uint32_t n)
{
	unchain_link(store, n);
	slots_remove(&store->by_name, store->links, n);
	arena_drop(&store->texts, store->links[n].text);
	store->links[n] = (struct inode_link){.next_name = store->link_free};
	store->link_free = n;
	store->link_count--;
	if (arena_wasteful(&store->texts))
		rebuild_texts(store);
}
