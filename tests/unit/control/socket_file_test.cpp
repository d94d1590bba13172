// SPDX-License-Identifier: Apache-2.0
#include "control/socket_file.hpp"

#include <grp.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "server_fixture.hpp"

namespace tandem::control {
namespace {

struct Umask {
  explicit Umask(mode_t mask) : before(::umask(mask)) {}
  ~Umask() { ::umask(before); }
  mode_t before;
};

mode_t mode_of(const std::string& path) {
  struct stat file {};
  return ::stat(path.c_str(), &file) == 0 ? file.st_mode & 07777 : 0;
}

TEST(SocketFile, HasItsModesUnderAnyUmask) {
  for (const mode_t mask : {0000, 0022, 0777}) {
    const TemporaryDirectory directory;
    const Umask umask(mask);
    const auto made = listen_on(directory / "run/tandem/control.sock");
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(mode_of(directory / "run/tandem/control.sock"), 0660U);
    EXPECT_EQ(mode_of(directory / "run/tandem"), 0755U);
    EXPECT_EQ(mode_of(directory / "run"), 0755U);
  }
}

TEST(SocketFile, LeavesTheModeOfADirectoryThatWasThere) {
  const TemporaryDirectory directory;
  ASSERT_EQ(::mkdir((directory / "private").c_str(), 0700), 0);
  ASSERT_TRUE(listen_on(directory / "private/control.sock"));
  EXPECT_EQ(mode_of(directory / "private"), 0700U);
}

TEST(SocketFile, ReplacesASocketThatNobodyAnswersOn) {
  const TemporaryDirectory directory;
  const std::string path = directory / "control.sock";
  ASSERT_TRUE(listen_on(path));  // closed at once, and the file stays
  ASSERT_TRUE(std::filesystem::exists(path));
  EXPECT_FALSE(RawClient(path).connected());
  const auto made = listen_on(path);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(RawClient(path).connected());
}

// A child of a killed daemon, between fork and exec.
TEST(SocketFile, ReplacesASocketThatIsLetGoSoon) {
  const TemporaryDirectory directory;
  const std::string path = directory / "control.sock";
  auto first = listen_on(path);
  ASSERT_TRUE(first);
  std::thread child([socket = std::move(first->socket)] {
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
  });
  // The socket goes with the thread's function, and that when the thread ends.
  const auto second = listen_on(path);
  child.join();
  EXPECT_TRUE(second) << second.error().message;
}

TEST(SocketFile, LeavesASocketAloneThatSomebodyAnswersOn) {
  const TemporaryDirectory directory;
  const std::string path = directory / "control.sock";
  const auto first = listen_on(path);
  ASSERT_TRUE(first);
  const auto second = listen_on(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, "another tandemd answers on " + path);
  EXPECT_TRUE(RawClient(path).connected());
}

TEST(SocketFile, LeavesAnyOtherFileAlone) {
  const TemporaryDirectory directory;
  const std::string path = directory / "control.sock";
  std::ofstream(path) << "precious";
  const auto made = listen_on(path);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("another kind of file"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
}

TEST(SocketFile, RefusesAPathThatIsTooLongOrLeadsThroughAFile) {
  const TemporaryDirectory directory;
  const auto too_long = listen_on(directory / std::string(120, 'x'));
  ASSERT_FALSE(too_long);
  EXPECT_NE(too_long.error().message.find("1 to 107 characters"), std::string::npos);
  std::ofstream(directory / "file") << "x";
  const auto through_a_file = listen_on(directory / "file/control.sock");
  ASSERT_FALSE(through_a_file);
  EXPECT_NE(through_a_file.error().message.find("control socket"), std::string::npos);
}

TEST_F(ServerTest, RemovesItsSocketWhenItGoes) {
  start();
  EXPECT_EQ(mode_of(path_), 0660U);
  stop();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ServerTest, LeavesASocketThatTookThePlaceOfItsOwn) {
  start();
  const std::string aside = directory_ / "aside.sock";
  const auto other = listen_on(aside);
  ASSERT_TRUE(other);
  std::filesystem::rename(aside, path_);
  stop();
  EXPECT_TRUE(RawClient(path_).connected());
}

TEST(TheSocketsGroup, IsTheOneThatIsNamed) {
  const std::string path =
      std::string(testing::TempDir()) + "group-" + std::to_string(getpid()) + ".sock";
  EXPECT_EQ(listen_on(path, "no-such-group").error().message,
            "node.socket_group: there is no group 'no-such-group', expected one of this machine");
  const group* own = ::getgrgid(::getgid());
  if (own == nullptr) GTEST_SKIP() << "this process's group has no name";
  const auto made = listen_on(path, own->gr_name);
  ASSERT_TRUE(made) << made.error().message;
  struct stat file {};
  ASSERT_EQ(::lstat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_gid, ::getgid());
  EXPECT_EQ(file.st_mode & 07777U, 0660U);
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace tandem::control
