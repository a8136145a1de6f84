// SPDX-License-Identifier: GPL-2.0-only
//
// session_attempt.c - acts that failed: told, and nothing else changes by them.
#include "session_parts.h"

void attempt_event(struct session *session, struct fim_event *event)
{
	struct fim_view view;

	if (event->flags & FIM_EVENT_CANARY) {
		session->tried |= 1ull << event->op;
		return;
	}
	if (withhold_event(session, event))
		return;
	resolve_event(session, event, &view);
	emit_event(session, &view);
}
