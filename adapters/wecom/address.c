/* address.c - where the one-time address of a message may lead: to the platform, or to who stands in for it. */
#include "hook.h"

char *wecom_response_address(const char *url, const char *api_base, bool *refused)
{
	return qg_address_of_platform(url, ".weixin.qq.com", api_base, refused);
}
