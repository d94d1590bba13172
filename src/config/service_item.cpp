// SPDX-License-Identifier: Apache-2.0
#include "config/service_item.hpp"

namespace tandem::config {

bool ServiceItem::forward_is_known() const {
  const auto* entry = table.find("forward");
  if (entry == nullptr || service.forward != Forward::local) return true;
  const auto* word = entry->value.get<std::string>();
  return word != nullptr && *word == "local";
}

std::string ServiceItem::forward() const {
  const auto* entry = table.find("forward");
  return entry == nullptr ? in_quotes("local") : shown(entry->value);
}

std::vector<ServiceItem> services_of(const File& file) {
  std::vector<ServiceItem> items;
  for (std::size_t i = 0; i < file.config.services.size(); ++i)
    items.push_back(
        {file.config.services[i], (*file.root.find("service")->value.get<Value::Array>())[i]});
  return items;
}

std::set<IpAddress> virtual_addresses_of(const Config& config) {
  std::set<IpAddress> addresses;
  for (const auto& router : config.vrrp)
    for (const auto& item : router.addresses)
      if (!item.prefix.address.is_unspecified()) addresses.insert(item.prefix.address);
  return addresses;
}

}  // namespace tandem::config
