// SPDX-License-Identifier: Apache-2.0
#include "ctl/import_files.hpp"

#include <arpa/inet.h>
#include <glob.h>
#include <grp.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "base/descriptor.hpp"
#include "netlink/route_request.hpp"

namespace tandem::ctl {
namespace {

Result<std::string> read(const std::string& path) {
  std::error_code problem;
  if (std::filesystem::is_directory(path, problem)) return fail_errno("cannot be read", EISDIR);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail_errno("cannot be read");
  std::string text(importer::kLongestFile + 1, '\0');  // one more byte than is taken
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return fail_errno("cannot be read");
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

std::vector<std::string> match(const std::string& pattern) {
  std::vector<std::string> paths;
  glob_t found{};
  if (::glob(pattern.c_str(), GLOB_BRACE, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      std::error_code problem;
      if (!std::filesystem::is_directory(found.gl_pathv[i], problem))
        paths.emplace_back(found.gl_pathv[i]);
    }
  }
  ::globfree(&found);
  return paths;
}

std::optional<IpAddress> address_of(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address == nullptr) return std::nullopt;
  const void* bytes = nullptr;
  if (address->sa_family == AF_INET)
    bytes = &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
  else if (address->sa_family == AF_INET6)
    bytes = &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  if (bytes == nullptr ||
      ::inet_ntop(address->sa_family, bytes, text.data(), text.size()) == nullptr)
    return std::nullopt;
  return IpAddress::parse(text.data());
}

Result<void> write_all(int file, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const auto count = ::write(file, text.data() + done, text.size() - done);
    if (count < 0 && errno != EINTR) return fail_errno("cannot be written");
    if (count > 0) done += static_cast<std::size_t>(count);
  }
  if (::fsync(file) != 0) return fail_errno("cannot be written");
  return {};
}

// link() does not replace, rename() does.
Result<void> put(const std::string& from, const std::string& to, bool may_replace) {
  const int status =
      may_replace ? ::rename(from.c_str(), to.c_str()) : ::link(from.c_str(), to.c_str());
  if (status == 0) return {};
  if (errno == EEXIST) return fail("is there already, expected a new file or --force");
  return fail_errno("cannot be written");
}

// Of its network's prefix: as many bits as are set in the mask.
std::uint8_t length_of(const ifaddrs& entry) {
  const auto mask = address_of(entry.ifa_netmask);
  int bits = 0;
  if (mask)
    for (const auto byte : mask->bytes()) bits += std::popcount(byte);
  return static_cast<std::uint8_t>(bits);
}

// As the kernel would route a packet now.
std::optional<std::string> way_to(const IpAddress& address) {
  auto requests = netlink::Requests::open();
  if (!requests) return std::nullopt;
  const auto route = netlink::ask_route(*requests, {address});
  std::array<char, IF_NAMESIZE> name{};
  if (!route || ::if_indextoname(static_cast<unsigned>(route->ifindex), name.data()) == nullptr)
    return std::nullopt;
  return name.data();
}

}  // namespace

importer::Machine this_machine() {
  std::map<IpAddress, importer::Machine::Home> addresses;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) == 0) {
    for (const auto* entry = list; entry != nullptr; entry = entry->ifa_next)
      if (const auto address = address_of(entry->ifa_addr))
        addresses.emplace(*address, importer::Machine::Home{entry->ifa_name, length_of(*entry)});
    ::freeifaddrs(list);
  }
  return {[](const std::string& name) { return ::getpwnam(name.c_str()) != nullptr; },
          [](const std::string& name) { return ::getgrnam(name.c_str()) != nullptr; },
          [addresses](const IpAddress& address) { return addresses.contains(address); },
          [addresses](const IpAddress& address) -> std::optional<importer::Machine::Home> {
            const auto found = addresses.find(address);
            if (found == addresses.end()) return std::nullopt;
            return found->second;
          },
          way_to};
}

importer::Files disk_files() {
  return {read, match};
}

Result<void> write_new_file(const std::string& path, const std::string& text, bool may_replace) {
  std::string beside = path + ".XXXXXX";
  const Descriptor file(::mkstemp(beside.data()));
  if (!file) return fail_errno(path + ": cannot be written");
  auto done = write_all(file.get(), text);
  if (done) done = put(beside, path, may_replace);
  ::unlink(beside.c_str());  // of a rename, nothing is left there
  if (!done) return fail(path + ": " + done.error().message);
  return {};
}

}  // namespace tandem::ctl
