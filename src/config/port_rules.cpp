// SPDX-License-Identifier: Apache-2.0
// What each driver of an interface takes to know, and what is for others.
#include <map>

#include "config/rules.hpp"

namespace tandem::config {
namespace {

class PortRules {
 public:
  PortRules(const File& file, std::size_t number, Problems& problems)
      : file_(file),
        problems_(problems),
        number_(number),
        interface_(file.config.interfaces[number]),
        with_("with driver = " + in_quotes(interface_.driver)) {}

  void check() {
    const std::string& driver = interface_.driver;
    if (interface_.has_own_port() && file_.config.node.engine != "dpdk")
      wrong("driver", in_quotes(driver) + " is a driver of DPDK, expected engine = \"dpdk\"");
    needs(driver == "pci", "pci", interface_.pci, "the card's PCI address");
    needs(driver == "af_packet", "device", interface_.device, "the device that packets come in on");
    needs(driver == "pcap", "devargs", interface_.devargs, "the names of files");
    if (interface_.has_own_port() && driver != "af_packet" && !interface_.device.empty())
      wrong("device", with_ + " there is none, expected no such key");
    if (driver != "pci" && !interface_.pci.empty())
      wrong("pci", with_ + " there is no card, expected driver = \"pci\"");
    if (interface_.has_own_port()) return;
    if (!interface_.devargs.empty())
      wrong("devargs", with_ + " there are none, expected no such key");
    if (!interface_.addresses.empty())
      wrong("addresses",
            with_ + " the addresses are the system's to configure, expected no such key");
  }

 private:
  void wrong(const char* key, const std::string& what) {
    problems_.error(place(file_.root, {"interface", number_, key}), std::string(key) + ": " + what);
  }
  void needs(bool it_does, const char* key, const std::string& value, const std::string& what) {
    if (it_does && value.empty())
      problems_.error(interface_.where,
                      std::string(key) + ": missing, expected " + what + ' ' + with_);
  }

  const File& file_;
  Problems& problems_;
  std::size_t number_;
  const Interface& interface_;
  std::string with_;
};

}  // namespace

void check_ports(const File& file, Problems& problems) {
  std::map<std::string, std::string> owners;
  for (std::size_t i = 0; i < file.config.interfaces.size(); i++) {
    const auto& interface = file.config.interfaces[i];
    PortRules(file, i, problems).check();
    if (!interface.has_own_port()) continue;
    const bool pci = interface.driver == "pci";
    const std::string& device = pci ? interface.pci : interface.device;
    if (device.empty()) continue;
    const char* key = pci ? "pci" : "device";
    const auto where = place(file.root, {"interface", i, key});
    if (device == interface.name)
      problems.error(where, std::string(key) + ": " + in_quotes(device) +
                                " is the interface's own name, expected another device");
    const auto [owner, is_new] = owners.emplace(device, interface.name);
    if (!is_new)
      problems.error(where, std::string(key) + ": " + in_quotes(device) +
                                " is the port of interface " + in_quotes(owner->second) +
                                ", expected another one");
  }
}

}  // namespace tandem::config
