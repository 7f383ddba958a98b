// Short codes and their emoji: those that bots and their users write most.

const TABLE = `
grinning 😀 smiley 😃 smile 😄 grin 😁 laughing 😆 sweat_smile 😅 joy 😂 rofl 🤣 slightly_smiling_face 🙂
upside_down_face 🙃 wink 😉 blush 😊 innocent 😇 heart_eyes 😍 star-struck 🤩 kissing_heart 😘 yum 😋 stuck_out_tongue 😛
zany_face 🤪 hugging_face 🤗 thinking_face 🤔 shushing_face 🤫 zipper_mouth_face 🤐 face_with_raised_eyebrow 🤨
neutral_face 😐 expressionless 😑 no_mouth 😶 smirk 😏 unamused 😒 face_with_rolling_eyes 🙄 grimacing 😬 relieved 😌
pensive 😔 sleepy 😪 sleeping 😴 zzz 💤 mask 😷 dizzy_face 😵 exploding_head 🤯 partying_face 🥳 sunglasses 😎 nerd_face 🤓
confused 😕 worried 😟 slightly_frowning_face 🙁 open_mouth 😮 astonished 😲 flushed 😳 pleading_face 🥺 fearful 😨
cold_sweat 😰 cry 😢 sob 😭 scream 😱 disappointed 😞 sweat 😓 weary 😩 tired_face 😫 angry 😠 rage 😡 skull 💀 ghost 👻
alien 👽 robot_face 🤖 wave 👋 raised_hand ✋ ok_hand 👌 v ✌️ crossed_fingers 🤞 point_left 👈 point_right 👉 point_up_2 👆
point_down 👇 point_up ☝️ +1 👍 thumbsup 👍 -1 👎 thumbsdown 👎 fist ✊ facepunch 👊 clap 👏 raised_hands 🙌 open_hands 👐
handshake 🤝 pray 🙏 writing_hand ✍️ muscle 💪 brain 🧠 eyes 👀 eye 👁️ bust_in_silhouette 👤 busts_in_silhouette 👥 baby 👶
bow 🙇 shrug 🤷 face_palm 🤦 technologist 🧑‍💻 scientist 🧑‍🔬 dancer 💃 runner 🏃 walking 🚶 heart ❤️ orange_heart 🧡
yellow_heart 💛 green_heart 💚 blue_heart 💙 purple_heart 💜 black_heart 🖤 broken_heart 💔 two_hearts 💕 100 💯 anger 💢
boom 💥 collision 💥 dizzy 💫 sweat_drops 💦 dash 💨 hole 🕳️ bomb 💣 speech_balloon 💬 thought_balloon 💭 dog 🐶 cat 🐱
mouse 🐭 rabbit 🐰 fox_face 🦊 bear 🐻 panda_face 🐼 tiger 🐯 lion_face 🦁 cow 🐮 pig 🐷 frog 🐸 monkey_face 🐵 see_no_evil 🙈
hear_no_evil 🙉 speak_no_evil 🙊 chicken 🐔 penguin 🐧 bird 🐦 owl 🦉 bee 🐝 bug 🐛 butterfly 🦋 snail 🐌 turtle 🐢 snake 🐍
octopus 🐙 fish 🐟 dolphin 🐬 whale 🐳 elephant 🐘 sloth 🦥 seedling 🌱 evergreen_tree 🌲 palm_tree 🌴 cactus 🌵 herb 🌿
four_leaf_clover 🍀 leaves 🍃 fallen_leaf 🍂 mushroom 🍄 bouquet 💐 cherry_blossom 🌸 rose 🌹 sunflower 🌻 earth_asia 🌏
earth_americas 🌎 earth_africa 🌍 globe_with_meridians 🌐 crescent_moon 🌙 full_moon 🌕 star ⭐ star2 🌟 sparkles ✨ zap ⚡ fire 🔥
sunny ☀️ partly_sunny ⛅ cloud ☁️ rain_cloud 🌧️ thunder_cloud_and_rain ⛈️ snowflake ❄️ snowman ⛄ rainbow 🌈 umbrella ☔
ocean 🌊 droplet 💧 apple 🍎 lemon 🍋 banana 🍌 watermelon 🍉 grapes 🍇 strawberry 🍓 peach 🍑 avocado 🥑 hot_pepper 🌶️
bread 🍞 cheese_wedge 🧀 pizza 🍕 hamburger 🍔 fries 🍟 taco 🌮 ramen 🍜 rice 🍚 sushi 🍣 cookie 🍪 cake 🍰 birthday 🎂
doughnut 🍩 coffee ☕ tea 🍵 beer 🍺 beers 🍻 wine_glass 🍷 champagne 🍾 soccer ⚽ basketball 🏀 trophy 🏆 first_place_medal 🥇
dart 🎯 game_die 🎲 art 🎨 musical_note 🎵 guitar 🎸 tada 🎉 confetti_ball 🎊 balloon 🎈 gift 🎁 ribbon 🎀 rocket 🚀
airplane ✈️ ship 🚢 car 🚗 bus 🚌 train 🚆 bike 🚲 construction 🚧 rotating_light 🚨 traffic_light 🚥 anchor ⚓ house 🏠
office 🏢 factory 🏭 hospital 🏥 bank 🏦 school 🏫 tent ⛺ watch ⌚ alarm_clock ⏰ stopwatch ⏱️ timer_clock ⏲️ hourglass ⌛
hourglass_flowing_sand ⏳ calendar 📆 date 📅 iphone 📱 computer 💻 desktop_computer 🖥️ keyboard ⌨️ printer 🖨️ floppy_disk 💾
cd 💿 camera 📷 video_camera 📹 tv 📺 telephone ☎️ battery 🔋 electric_plug 🔌 bulb 💡 flashlight 🔦 candle 🕯️ moneybag 💰
money_with_wings 💸 dollar 💵 credit_card 💳 receipt 🧾 gem 💎 wrench 🔧 hammer 🔨 hammer_and_wrench 🛠️ nut_and_bolt 🔩 gear ⚙️
toolbox 🧰 chains ⛓️ magnet 🧲 test_tube 🧪 microscope 🔬 telescope 🔭 satellite_antenna 📡 package 📦 mailbox 📫 email ✉️
envelope ✉️ incoming_envelope 📨 inbox_tray 📥 outbox_tray 📤 memo 📝 pencil ✏️ pencil2 ✏️ briefcase 💼 file_folder 📁
open_file_folder 📂 clipboard 📋 bar_chart 📊 chart_with_upwards_trend 📈 chart_with_downwards_trend 📉 page_facing_up 📄
page_with_curl 📃 newspaper 📰 bookmark 🔖 books 📚 book 📖 notebook 📓 scroll 📜 label 🏷️ paperclip 📎 pushpin 📌
round_pushpin 📍 scissors ✂️ wastebasket 🗑️ lock 🔒 unlock 🔓 closed_lock_with_key 🔐 key 🔑 old_key 🗝️ shield 🛡️ mag 🔍
mag_right 🔎 bell 🔔 no_bell 🔕 loudspeaker 📢 mega 📣 broom 🧹 card_index_dividers 🗂️ card_file_box 🗃️ file_cabinet 🗄️
hash #️⃣ zero 0️⃣ one 1️⃣ two 2️⃣ three 3️⃣ four 4️⃣ five 5️⃣ six 6️⃣ seven 7️⃣ eight 8️⃣ nine 9️⃣ keycap_ten 🔟 arrow_up ⬆️
arrow_down ⬇️ arrow_left ⬅️ arrow_right ➡️ arrow_upper_right ↗️ arrow_lower_right ↘️ arrow_up_down ↕️ left_right_arrow ↔️
arrows_counterclockwise 🔄 arrows_clockwise 🔃 leftwards_arrow_with_hook ↩️ arrow_forward ▶️ arrow_backward ◀️ fast_forward ⏩
rewind ⏪ double_vertical_bar ⏸️ black_square_for_stop ⏹️ black_circle_for_record ⏺️ eject ⏏️ repeat 🔁 twisted_rightwards_arrows 🔀
heavy_plus_sign ➕ heavy_minus_sign ➖ heavy_division_sign ➗ heavy_multiplication_x ✖️ heavy_check_mark ✔️ white_check_mark ✅
ballot_box_with_check ☑️ x ❌ negative_squared_cross_mark ❎ o ⭕ no_entry ⛔ no_entry_sign 🚫 warning ⚠️ bangbang ‼️
interrobang ⁉️ question ❓ grey_question ❔ exclamation ❗ grey_exclamation ❕ information_source ℹ️ recycle ♻️ infinity ♾️
tm ™️ copyright ©️ registered ®️ id 🆔 new 🆕 free 🆓 up 🆙 cool 🆒 ok 🆗 sos 🆘 vs 🆚 red_circle 🔴 large_orange_circle 🟠
large_yellow_circle 🟡 large_green_circle 🟢 large_blue_circle 🔵 large_purple_circle 🟣 black_circle ⚫ white_circle ⚪
red_square 🟥 large_orange_square 🟧 large_yellow_square 🟨 large_green_square 🟩 large_blue_square 🟦 large_purple_square 🟪
black_large_square ⬛ white_large_square ⬜ small_red_triangle 🔺 small_red_triangle_down 🔻 small_orange_diamond 🔸
small_blue_diamond 🔹 large_orange_diamond 🔶 large_blue_diamond 🔷 radio_button 🔘 checkered_flag 🏁 triangular_flag_on_post 🚩
waving_white_flag 🏳️ flag-kr 🇰🇷 kr 🇰🇷 us 🇺🇸 flag-us 🇺🇸 jp 🇯🇵 de 🇩🇪 gb 🇬🇧 fr 🇫🇷 whale2 🐋 crown 👑 mortar_board 🎓 ring 💍
`;

/** name → emoji */
export const EMOJI = new Map();
const words = TABLE.trim().split(/\s+/);
for (let i = 0; i < words.length; i += 2) EMOJI.set(words[i], words[i + 1]);

/** Those a picker offers: each emoji once, under its first name. */
export const PICKABLE = [...EMOJI].filter(
  ([, char], at, all) => all.findIndex(([, other]) => other === char) === at,
);
