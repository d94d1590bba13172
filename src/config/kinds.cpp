// SPDX-License-Identifier: Apache-2.0
#include "config/kinds.hpp"

#include <sys/un.h>

#include <algorithm>
#include <charconv>

#include "base/endpoint_text.hpp"
#include "config/duration.hpp"
#include "config/endpoint.hpp"

namespace tandem::config {
namespace {

constexpr std::size_t kMostLinks = 2;  // of flow synchronization

constexpr std::size_t kLongestName = 64;
constexpr std::size_t kLongestInterface = 15;  // IFNAMSIZ without the final zero
constexpr std::size_t kLongestPath = 255;
constexpr std::size_t kMostArguments = 64;

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName && !has_control(text) &&
         text.front() != ' ' && text.back() != ' ';
}

// As the kernel's dev_valid_name() has it.
bool is_interface(std::string_view text) {
  return !text.empty() && text.size() <= kLongestInterface && !has_control(text) && text != "." &&
         text != ".." && text.find_first_of("/: ") == std::string_view::npos;
}

bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= kLongestInterface && !has_control(text) &&
         text.find(' ') == std::string_view::npos;
}

bool is_origin(std::string_view text) {
  const auto authority = text.find("//");
  return parse_http_probe(text) && text.find_first_of("/?", authority + 2) == text.npos;
}

// Domain, bus, device, function: as sysfs names them.
bool is_pci_address(std::string_view text) {
  constexpr std::string_view kForm = "xxxx:xx:xx.f";
  const auto fits = [](char c, char form) {
    if (form == 'x') return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    return form == 'f' ? c >= '0' && c <= '7' : c == form;
  };
  return std::ranges::equal(text, kForm, fits);
}

bool is_devargs(std::string_view text) {
  return text.size() <= kLongestPath && !has_control(text) && !text.contains(' ');
}

bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._:[]").find(c) != std::string_view::npos;
  });
}

bool is_content(std::string_view text) {
  return !text.empty() && text.size() <= 255;
}

bool is_target(std::string_view text) {
  return text.starts_with('/') && is_request_text(text);
}

bool is_socket(std::string_view text) {
  return is_absolute_path(text) && text.size() < sizeof(sockaddr_un::sun_path);
}

// Reads a string by a function that gives an optional.
template <class T>
Parsed<T> parse_text(const Value& value, std::optional<T> (*read)(std::string_view),
                     std::string_view noun) {
  const auto* text = value.get<std::string>();
  if (text == nullptr) return wrong_type(value);
  if (auto result = read(*text)) return *std::move(result);
  return std::unexpected(in_quotes(*text) + " is not " + std::string(noun));
}

std::optional<IpAddress> read_address(std::string_view text) {
  return IpAddress::parse(text);
}
std::optional<IpPrefix> read_prefix(std::string_view text) {
  return IpPrefix::parse(text);
}

// Why an address cannot be one node's own; nullptr if it can.
const char* why_not_unicast(const IpAddress& address) {
  if (address.is_unspecified()) return " is the unspecified address";
  if (address.is_multicast()) return " is a multicast address";
  if (address == IpAddress::parse("255.255.255.255")) return " is the broadcast address";
  return nullptr;
}

}  // namespace

std::unexpected<std::string> wrong_type(const Value& value) {
  const auto type = type_of(value);
  const auto text = shown(value);
  return std::unexpected(text == type ? "found " + type : text + " is " + type);
}

Parsed<bool> Boolean::parse(const Value& value) const {
  if (const auto* boolean = value.get<bool>()) return *boolean;
  return wrong_type(value);
}

Parsed<bool> True::parse(const Value& value) const {
  const auto boolean = Boolean{}.parse(value);
  if (boolean && !*boolean) return std::unexpected("false is not allowed");
  return boolean;
}

std::string Integer::expected() const {
  const auto low = std::to_string(lowest);
  const auto high = std::to_string(highest);
  if (highest == lowest + 1) return low + " or " + high;
  return "an integer from " + low + " to " + high + (zero ? "" : ", not 0");
}

Parsed<int> Integer::parse(const Value& value) const {
  const auto* integer = value.get<std::int64_t>();
  if (integer == nullptr) return wrong_type(value);
  if (*integer == 0 && !zero) return std::unexpected("0 is not allowed");
  if (*integer < lowest || *integer > highest)
    return std::unexpected(std::to_string(*integer) + " is out of range");
  return static_cast<int>(*integer);
}

std::string Span::expected() const {
  return "a duration from " + in_quotes(to_text(shortest)) + " to " + in_quotes(to_text(longest));
}

Parsed<Duration> Span::parse(const Value& value) const {
  const auto duration = parse_text(value, parse_duration, "a number with a unit (us, ms, s, m, h)");
  if (duration && (*duration < shortest || *duration > longest))
    return std::unexpected(shown(value) + " is out of range");
  return duration;
}

std::string Span::show(Duration value) const {
  return in_quotes(to_text(value));
}

Parsed<std::string> Text::parse(const Value& value) const {
  const auto* text = value.get<std::string>();
  if (text == nullptr) return wrong_type(value);
  if (!valid(*text)) return std::unexpected(in_quotes(*text) + " is not valid");
  return *text;
}

Text name_text() {
  return {"a printable text of 1 to 64 bytes", is_name};
}
Text interface_text() {
  return {"an interface's name of at most 15 characters", is_interface};
}
Text label_text() {
  return {"at most 15 characters without spaces", is_label};
}
Text socket_text() {
  return {"an absolute path of at most 107 bytes", is_socket};
}
Text directory_text() {
  return {"an absolute path of at most 255 bytes", is_absolute_path};
}
Text pci_text() {
  return {"a PCI address such as \"0000:03:00.0\"", is_pci_address};
}
Text devargs_text() {
  return {"DPDK's arguments of a device, without spaces", is_devargs};
}
Text target_text() {
  return {"a path such as \"/health\"", is_target};
}
Text host_text() {
  return {"a host's name, with a port if need be", is_host};
}
Text content_text() {
  return {"a text of 1 to 255 bytes", is_content};
}

std::string Status::expected() const {
  return "a status such as \"204\", or some such as \"200-299\"";
}

Parsed<StatusRange> Status::parse(const Value& value) const {
  const auto* text = value.get<std::string>();
  if (text == nullptr) return wrong_type(value);
  const auto number = [](std::string_view digits) -> int {
    int status = 0;
    const auto end = digits.data() + digits.size();
    const auto [last, error] = std::from_chars(digits.data(), end, status);
    return error == std::errc{} && last == end && status >= 100 && status <= 999 ? status : 0;
  };
  const auto dash = text->find('-');
  const int first = number(std::string_view(*text).substr(0, dash));
  const int last =
      dash == std::string::npos ? first : number(std::string_view(*text).substr(dash + 1));
  if (first == 0 || last < first) return std::unexpected(in_quotes(*text) + " is not valid");
  return StatusRange{first, last};
}

Text origin_text() {
  return {"a URL without a path, such as \"http://192.0.2.3:9105\"", is_origin};
}

bool is_absolute_path(std::string_view text) {
  return text.size() <= kLongestPath && text.starts_with('/') && !has_control(text);
}

std::string Password::expected() const {
  return "1 to 8 printable ASCII characters";
}

Parsed<std::string> Password::parse(const Value& value) const {
  const auto* text = value.get<std::string>();
  if (text == nullptr) return std::unexpected("found " + type_of(value));
  if (text->empty()) return std::unexpected("empty");
  if (!std::ranges::all_of(*text, [](char c) { return c >= ' ' && c < '\x7f'; }))
    return std::unexpected("a character is not printable ASCII");
  if (text->size() > 8)
    return std::unexpected(std::to_string(text->size()) +
                           " characters are too many (keepalived silently cuts to 8)");
  return *text;
}

std::string Address::expected() const {
  return "a numeric IPv4 or IPv6 unicast address";
}

Parsed<IpAddress> Address::parse(const Value& value) const {
  const auto address = parse_text(value, read_address, "an address");
  if (!address) return address;
  if (const char* why = why_not_unicast(*address)) return std::unexpected(shown(value) + why);
  return address;
}

std::string MulticastGroup::expected() const {
  return "a multicast address, such as \"224.0.0.18\" or \"ff02::12\"";
}

Parsed<IpAddress> MulticastGroup::parse(const Value& value) const {
  const auto address = parse_text(value, read_address, "an address");
  if (address && !address->is_multicast())
    return std::unexpected(shown(value) + " is not a multicast address");
  return address;
}

std::string Prefix::expected() const {
  return "a unicast address with its network's prefix length, such as \"192.0.2.100/24\"";
}

Parsed<IpPrefix> Prefix::parse(const Value& value) const {
  const auto prefix = parse_text(value, read_prefix, "an address");
  if (!prefix) return prefix;
  if (const char* why = why_not_unicast(prefix->address))
    return std::unexpected(shown(value) + why);
  if (prefix->length == 0) return std::unexpected(shown(value) + " has the prefix length 0");
  return prefix;
}

std::string HttpUrl::expected() const {
  return "a URL: \"http://HOST[:PORT]/PATH\" or \"https://...\"";
}

Parsed<HttpProbe> HttpUrl::parse(const Value& value) const {
  return parse_text(value, parse_http_probe, "a URL that can be checked");
}

std::string TcpEndpoint::expected() const {
  return "a numeric address and a port: \"127.0.0.1:80\" or \"[2001:db8::1]:80\"";
}

Parsed<TcpProbe> TcpEndpoint::parse(const Value& value) const {
  return parse_text(value, parse_tcp_probe, "an address with a port");
}

std::string Listen::expected() const {
  return "a numeric address and a port, such as \"127.0.0.1:9105\", or \"off\"";
}

Parsed<std::optional<ListenAddress>> Listen::parse(const Value& value) const {
  if (const auto* text = value.get<std::string>(); text != nullptr && *text == "off")
    return std::nullopt;
  const auto both = parse_text(value, parse_tcp_probe, "an address with a port");
  if (!both) return std::unexpected(both.error());
  if (both->address.is_multicast())
    return std::unexpected(shown(value) + " is a multicast address");
  return ListenAddress{both->address, both->port};
}

std::string Listen::show(const ListenAddress& listen) const {
  return in_quotes(endpoint_text(listen.address, listen.port));
}

std::string LinkEnds::expected() const {
  return "a numeric address and a port, such as \"198.51.100.2:9106\", or an array of two";
}

Parsed<std::vector<ListenAddress>> LinkEnds::parse(const Value& value) const {
  std::vector<ListenAddress> ends;
  const auto* items = value.get<Value::Array>();
  if (items != nullptr && (items->empty() || items->size() > kMostLinks))
    return std::unexpected(std::to_string(items->size()) + " items");
  for (std::size_t i = 0; i < (items == nullptr ? 1 : items->size()); i++) {
    const Value& item = items == nullptr ? value : (*items)[i];
    const auto both = parse_text(item, parse_tcp_probe, "an address with a port");
    if (!both) return std::unexpected(both.error());
    if (both->address.is_multicast() || both->address.is_unspecified())
      return std::unexpected(shown(item) + " is no address of one node");
    ends.push_back({both->address, both->port});
  }
  return ends;
}

std::string Argv::expected() const {
  return "an array of strings: a program by its absolute path, then its arguments";
}

Parsed<std::vector<std::string>> Argv::parse(const Value& value) const {
  const auto* items = value.get<Value::Array>();
  if (items == nullptr) return wrong_type(value);
  if (items->empty()) return std::unexpected("the array is empty");
  if (items->size() > kMostArguments)
    return std::unexpected("more than " + std::to_string(kMostArguments) + " arguments");
  std::vector<std::string> argv;
  for (const auto& item : *items) {
    const auto* text = item.get<std::string>();
    if (text == nullptr) return wrong_type(item);
    if (text->find('\0') != std::string::npos) return std::unexpected("an argument holds a NUL");
    argv.push_back(*text);
  }
  if (!is_absolute_path(argv.front()))
    return std::unexpected(in_quotes(argv.front()) + " is not an absolute path");
  return argv;
}

Parsed<CommandProbe> Command::parse(const Value& value) const {
  auto argv = Argv{}.parse(value);
  if (!argv) return std::unexpected(argv.error());
  return CommandProbe{*std::move(argv)};
}

}  // namespace tandem::config
