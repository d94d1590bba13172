/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Internet checksum (RFC 1071): sums of 16-bit words, kept in 32 bits until folded. */
#ifndef TANDEM_CHECKSUM_H
#define TANDEM_CHECKSUM_H

#include "tandem/bytes.h"
#include "tandem/types.h"

/* Adds `len` bytes, the first of which is at an even offset; an odd last byte is padded with 0. */
TD_INLINE __u32 td_csum_bytes(__u32 sum, const __u8 *bytes, __u32 len)
{
	__u32 i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (__u32)bytes[i] << 8 | bytes[i + 1];
	if (i < len)
		sum += (__u32)bytes[i] << 8;
	return sum;
}

/*
 * Adds the pseudo-header of IPv4 (RFC 793, 3.1; address_len 4) or IPv6 (RFC 8200, 8.1; 16), which
 * sum alike: both addresses, the upper layer's length in bytes and its protocol number.
 */
TD_INLINE __u32 td_csum_pseudo_header(__u32 sum, const __u8 *source, const __u8 *destination,
				      __u32 address_len, __u32 len, __u8 protocol)
{
	sum = td_csum_bytes(sum, source, address_len);
	sum = td_csum_bytes(sum, destination, address_len);
	return sum + (len >> 16) + (len & 0xffff) + protocol;
}

/* The checksum field's value in host order: to be stored big-endian. */
TD_INLINE __u16 td_csum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/*
 * What changes (RFC 1624, 3): differences of 16-bit words are added up, and go into each checksum
 * that covers the words.
 */
TD_INLINE __u32 td_csum_change16(__u16 from, __u16 to)
{
	return (__u32)(__u16)~from + to;
}

TD_INLINE __u32 td_csum_change32(__u32 from, __u32 to)
{
	return td_csum_change16((__u16)(from >> 16), (__u16)(to >> 16)) +
	       td_csum_change16((__u16)from, (__u16)to);
}

/* Of 16 bytes. */
TD_INLINE __u32 td_csum_change_address6(const __u8 *from, const __u8 *to)
{
	return td_csum_change32(td_load32(from), td_load32(to)) +
	       td_csum_change32(td_load32(from + 4), td_load32(to + 4)) +
	       td_csum_change32(td_load32(from + 8), td_load32(to + 8)) +
	       td_csum_change32(td_load32(from + 12), td_load32(to + 12));
}

/* Equation 3. */
TD_INLINE __u16 td_csum_adjust(__u16 checksum, __u32 change)
{
	return td_csum_fold((__u32)(__u16)~checksum + (change & 0xffff) + (change >> 16));
}

/*
 * The same of words as they are in memory: sums come out alike in either byte order, and so does the
 * checksum (RFC 1071, 2 (B)). Words of 32 bits count as two. A sum has room for 60,000 words.
 */
TD_INLINE __u16 td_csum_fold_raw(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

#endif
