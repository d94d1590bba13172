// SPDX-License-Identifier: Apache-2.0
#include "observe/capture_filter.hpp"

#include <pcap/pcap.h>

namespace tandem::observe {

void CaptureFilter::Free::operator()(bpf_program* program) const {
  pcap_freecode(program);
  delete program;
}

Result<CaptureFilter> CaptureFilter::compile(const std::string& text) {
  constexpr int kSnapLength = 65535;
  const std::unique_ptr<pcap_t, void (*)(pcap_t*)> ethernet(pcap_open_dead(DLT_EN10MB, kSnapLength),
                                                            pcap_close);
  CaptureFilter filter;
  filter.program_.reset(new bpf_program{});
  if (pcap_compile(ethernet.get(), filter.program_.get(), text.c_str(), 1, PCAP_NETMASK_UNKNOWN) !=
      0)
    return fail("filter '" + text + "': " + pcap_geterr(ethernet.get()));
  return filter;
}

bool CaptureFilter::fits(std::span<const std::uint8_t> bytes, std::uint32_t length) const {
  pcap_pkthdr header{};
  header.caplen = static_cast<bpf_u_int32>(bytes.size());
  header.len = length;
  return pcap_offline_filter(program_.get(), &header, bytes.data()) != 0;
}

}  // namespace tandem::observe
