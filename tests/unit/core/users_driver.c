/* SPDX-License-Identifier: GPL-2.0-only
 *
 * users_driver.c - {uid, now} in, the name out.
 */
#include "frame.h"
#include "users.h"

int main(void)
{
	struct users users;
	struct bytes request;

	users_init(&users);
	while (frame_read(&request)) {
		struct {
			uint32_t uid;
			uint32_t now;
		} question;
		const char *name;

		memcpy(&question, request.data, sizeof(question));
		name = users_name(&users, question.uid, question.now);
		frame_write(name ? name : "", name ? strlen(name) : 0);
		free((char *)request.data);
	}
	users_deinit(&users);
	return 0;
}
