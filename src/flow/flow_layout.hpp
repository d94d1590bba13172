// SPDX-License-Identifier: Apache-2.0
// What differs between the flow table of IPv4 and that of IPv6 (tandem/flow.h), for FlowTable.
#pragma once

#include <cstdint>

#include "flow/flow_word.hpp"
#include "tandem/flow.h"

namespace tandem::flow {

struct FlowLayout4 {
  using Key = std::uint64_t;  // td_flow4_key()
  using Entry = td_flow4_entry;
  using Bucket = td_flow4_bucket;

  static td_flow_where where(const td_flow_head& head, Key key) {
    return td_flow4_where(&head, key);
  }
  static bool find(td_flow_hit& hit, void* table, td_flow_where where, Key key) {
    return td_flow4_find(&hit, table, where, key) != 0;
  }
  static bool find_in(td_flow_hit& hit, Bucket& bucket, Key key) {
    return td_flow4_in(&hit, &bucket, key) != 0;
  }
  static bool is_empty(const Entry& entry) { return load(entry.key) == 0; }
  // What tells one tenant of the entry from the next.
  static std::uint64_t tenant(const Entry& entry) { return load(entry.key); }
  static Key key_of(const Entry& entry) { return load(entry.key); }
  static std::uint16_t service_of(Key key) { return static_cast<std::uint16_t>(key); }
  static void publish(Entry& entry, Key key) { store(entry.key, key); }
  static void withdraw(Entry& entry) { store(entry.key, 0); }
};

struct FlowLayout6 {
  using Key = td_flow6_key;
  using Entry = td_flow6_entry;
  using Bucket = td_flow6_bucket;

  static td_flow_where where(const td_flow_head& head, const Key& key) {
    return td_flow6_where(&head, &key);
  }
  static bool find(td_flow_hit& hit, void* table, td_flow_where where, const Key& key) {
    return td_flow6_find(&hit, table, where, &key) != 0;
  }
  static bool find_in(td_flow_hit& hit, Bucket& bucket, const Key& key) {
    return td_flow6_in(&hit, &bucket, &key) != 0;
  }
  static bool is_empty(const Entry& entry) {
    return static_cast<std::uint32_t>(load(entry.id)) == 0;
  }
  static std::uint64_t tenant(const Entry& entry) { return load(entry.id); }
  static Key key_of(const Entry& entry) {
    return {{load(entry.address[0]), load(entry.address[1])},
            static_cast<std::uint32_t>(load(entry.id))};
  }
  static std::uint16_t service_of(const Key& key) { return static_cast<std::uint16_t>(key.id); }
  // The address takes two stores: the id, whose upper half is another one each time, comes last.
  static void publish(Entry& entry, const Key& key) {
    store(entry.address[0], key.address[0]);
    store(entry.address[1], key.address[1]);
    store(entry.id, load(entry.id) | key.id);
  }
  static void withdraw(Entry& entry) { store(entry.id, ((load(entry.id) >> 32) + 1) << 32); }
};

}  // namespace tandem::flow
