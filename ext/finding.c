// SPDX-License-Identifier: GPL-2.0-only
//
// finding.c - the records of reconciling: `reconcile` and `gap_closed`.
#include "json.h"
#include "reconcile.h"
#include "session.h"

static void put_when(const struct session *session, const char *key, uint64_t clock,
		     struct buffer *out)
{
	json_key(out, key);
	clock ? json_time_ns(out, record_wall_ns(clock, session->wall_offset)) : json_null(out);
}

/* What a `reconcile` record says. */
struct finding {
	const struct gap *gap;
	struct bytes path;
	const char *state;
	uint32_t which; /* of the traits differ */
	const struct traits_of *was, *is;
	const struct traits_of *now; /* id.ino 0: not there */
};

static void put_finding(const struct session *session, const struct finding *f, struct buffer *out)
{
	json_key(out, "gap");
	json_unsigned(out, f->gap->seq);
	record_path(out, "path", "path_b64", f->path);
	json_key(out, "state");
	json_string(out, f->state);
	json_key(out, "changed");
	f->which ? traits_changed_json(f->was, f->is, f->which, out) : json_null(out);
	json_key(out, "file");
	f->now->id.ino ? traits_file_json(f->now, out) : json_null(out);
	put_when(session, "since", f->gap->since, out);
	put_when(session, "until", tap_now(), out);
}

static void say_finding(const struct finding *f, struct buffer *out)
{
	buffer_add(out, f->path.data, f->path.length);
	buffer_add_string(out, ": ");
	buffer_add_string(out, f->state);
	if (!f->which)
		return;
	buffer_add_string(out, " (");
	traits_changed_text(f->which, out);
	buffer_add_byte(out, ')');
}

static void emit_finding(struct reconcile *r, const struct finding *finding)
{
	struct buffer members = {0}, message = {0};

	put_finding(r->session, finding, &members);
	say_finding(finding, &message);
	session_emit(r->session, "reconcile", buffer_bytes(&members), buffer_bytes(&message));
	buffer_deinit(&members);
	buffer_deinit(&message);
	r->session->counts[SESSION_RECONCILED]++;
	r->numbers.changed++;
}

void finding_changed(struct reconcile *r, const struct gap *gap, struct bytes path, uint32_t which,
		     const struct traits_of *was, const struct traits_of *is)
{
	finding_changed_then(r, gap, path, which, was, is, is);
}

void finding_changed_then(struct reconcile *r, const struct gap *gap, struct bytes path,
			  uint32_t which, const struct traits_of *was, const struct traits_of *is,
			  const struct traits_of *now)
{
	emit_finding(r, &(struct finding){gap, path, "changed", which, was, is, now});
}

void finding_new(struct reconcile *r, const struct gap *gap, struct bytes path, uint32_t which,
		 const struct traits_of *was, const struct traits_of *is)
{
	emit_finding(r, &(struct finding){gap, path, "new", which, was, is, is});
}

void finding_lost(struct reconcile *r, const struct gap *gap, struct bytes path)
{
	static const struct traits_of nothing;

	emit_finding(r, &(struct finding){gap, path, "missing", 0, &nothing, &nothing, &nothing});
}

void finding_closed(struct reconcile *r, const struct gap *gap, uint64_t sweep)
{
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{"gap", gap->seq}, {"sweep", sweep}, {"checked", r->numbers.checked},
		{"changed", r->numbers.changed}, {"undecided", r->numbers.undecided},
	};
	struct buffer members = {0}, message = {0};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		json_key(&members, numbers[i].key);
		json_unsigned(&members, numbers[i].value);
	}
	buffer_format(&message, "%llu looked at, %llu changed, %llu undecided",
		      (unsigned long long)r->numbers.checked, (unsigned long long)r->numbers.changed,
		      (unsigned long long)r->numbers.undecided);
	session_emit(r->session, "gap_closed", buffer_bytes(&members), buffer_bytes(&message));
	buffer_deinit(&members);
	buffer_deinit(&message);
	r->session->counts[SESSION_GAPS_CLOSED]++;
}
