// SPDX-License-Identifier: Apache-2.0
#include "engine/tc_filter.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <string>

namespace tandem::engine {
namespace {

// Ours among the filters of an interface; the handle says "tdm".
constexpr std::uint32_t kPriority = 1;
constexpr std::uint32_t kHandle = 0x74646d;

bpf_tc_hook hook_of(unsigned ifindex, TcDirection direction) {
  return {.sz = sizeof(bpf_tc_hook),
          .ifindex = static_cast<int>(ifindex),
          .attach_point = direction == TcDirection::in ? BPF_TC_INGRESS : BPF_TC_EGRESS,
          .parent = 0};
}

}  // namespace

Result<void> TcFilter::attach(unsigned ifindex) const {
  bpf_tc_hook hook = hook_of(ifindex, direction_);
  DECLARE_LIBBPF_OPTS(bpf_tc_opts, filter, .prog_fd = program_, .flags = BPF_TC_F_REPLACE,
                      .handle = kHandle, .priority = kPriority);
  int error = bpf_tc_hook_create(&hook);
  if (error == 0 || error == -EEXIST) error = bpf_tc_attach(&hook, &filter);
  if (error != 0)
    return fail_errno(std::string("cannot attach the filter on the way ") +
                          (direction_ == TcDirection::in ? "in" : "out"),
                      -error);
  return {};
}

bool TcFilter::is_attached(unsigned ifindex) const {
  const bpf_tc_hook hook = hook_of(ifindex, direction_);
  DECLARE_LIBBPF_OPTS(bpf_tc_opts, filter, .handle = kHandle, .priority = kPriority);
  bpf_prog_info info{};
  std::uint32_t length = sizeof info;
  return bpf_obj_get_info_by_fd(program_, &info, &length) == 0 &&
         bpf_tc_query(&hook, &filter) == 0 && filter.prog_id == info.id;
}

void TcFilter::detach(unsigned ifindex, TcDirection direction) {
  const bpf_tc_hook hook = hook_of(ifindex, direction);
  DECLARE_LIBBPF_OPTS(bpf_tc_opts, filter, .handle = kHandle, .priority = kPriority);
  bpf_tc_detach(&hook, &filter);
}

}  // namespace tandem::engine
