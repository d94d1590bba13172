// SPDX-License-Identifier: Apache-2.0
#include "vrrp/settings.hpp"

namespace tandem::vrrp {

bool same_timing(const Settings& a, const Settings& b) {
  return a.advert_interval == b.advert_interval && a.down_adverts == b.down_adverts;
}

bool same_addresses_held(const Settings& a, const Settings& b) {
  return a.addresses == b.addresses && a.unadvertised == b.unadvertised;
}

}  // namespace tandem::vrrp
